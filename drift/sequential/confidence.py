"""Confidence sequences: intervals that hold at all times at once, so that they may be looked at after every request.

Each is the set of values that a mixture martingale does not refute (Robbins, "Statistical methods related to the law of
the iterated logarithm", Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe and Sekhon,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49, 2021). By Ville's inequality
the true value leaves the interval at any time with a probability of at most ``error``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq
from scipy.special import betaln

EXPECTED_DIFFERENCE = 0.2
"""The scatter of the differences that the normal mixture expects; an interval is narrowest about there."""
PRIOR = 0.5
"""Both parameters of the beta distribution that the mixture of shares has."""


def of_mean(mean: float, variance: float, error: float) -> tuple[float, float]:
    """Returns the interval of a mean that was estimated, from normal values, with ``variance``."""
    expected = EXPECTED_DIFFERENCE**2
    radius = math.sqrt(
        variance
        * (variance + expected)
        / expected
        * (2.0 * math.log(1.0 / error) + math.log((variance + expected) / variance))
    )
    return mean - radius, mean + radius


def of_share(total: float, count: int, error: float) -> tuple[float, float]:
    """Returns the interval of the mean of ``count`` values from 0 to 1 whose sum is ``total``.

    For values between 0 and 1 the likelihood of 0 and 1 is convex, so the interval holds for them too.
    """
    if count <= 0:
        return 0.0, 1.0
    total = min(max(total, 0.0), float(count))
    mean = total / count
    mixture = betaln(total + PRIOR, count - total + PRIOR) - betaln(PRIOR, PRIOR)

    def beyond(share: float) -> float:
        """Returns the logarithm of the evidence against ``share``, less what refutes it."""
        likelihood = total * math.log(share) + (count - total) * math.log1p(-share)
        return float(mixture - likelihood - math.log(1.0 / error))

    return _edge(beyond, 1e-12, mean, outer=0.0), _edge(beyond, 1.0 - 1e-12, mean, outer=1.0)


def _edge(beyond: Callable[[float], float], far: float, mean: float, outer: float) -> float:
    """Returns where the evidence is just refuting, between ``far`` and the mean; ``outer`` if it never is."""
    inside = min(max(mean, 1e-12), 1.0 - 1e-12)
    if inside == far or beyond(far) <= 0.0:
        return outer
    return float(brentq(beyond, *sorted((far, inside)), xtol=1e-9))
