"""Confidence sequences: intervals that hold at all times at once, so that they may be looked at after every request.

Each is the set of values that a mixture martingale does not refute (Robbins, "Statistical methods related to the law of
the iterated logarithm", Annals of Mathematical Statistics 41, 1970; Howard, Ramdas, McAuliffe and Sekhon,
"Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49, 2021). By Ville's inequality
the true value leaves the interval at any time with a probability of at most ``error``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec
import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import betaln

from drift.columns.reader import Floats

EXPECTED_DIFFERENCE = 0.2
"""The scatter of the differences that the normal mixture expects; an interval is narrowest about there."""
PRIOR = 0.5
"""Both parameters of the beta distribution that the mixture of shares has."""
BETS = tuple(0.8 / 2.5**power for power in range(6))
"""The bets that the mixture by the scatter consists of: large ones for few values, small ones for many."""
PRICES = tuple(-math.log1p(-bet) - bet for bet in BETS)
"""What each bet pays for a unit of scatter."""
SMALLEST = 1e-12


class Sample(msgspec.Struct, frozen=True):
    """The sums of a sequence of values from 0 to 1."""

    count: int = 0
    total: float = 0.0
    scatter: float | None = None
    """The sum of the squared distances of each value from the mean of those before it; None if it is not known."""

    @property
    def mean(self) -> float:
        """The mean of the values; 0.0 without any."""
        return self.total / max(1, self.count)

    def with_values(self, values: Floats) -> Sample:
        """Returns the sums with further values, in order of time."""
        if not len(values):
            return self
        scatter = self.scatter if self.count else 0.0
        if scatter is not None:
            totals = self.total + np.cumsum(values) - values
            counts = self.count + np.arange(len(values))
            scatter += float(np.square(values - (totals + PRIOR) / (counts + 2.0 * PRIOR)).sum())
        return Sample(self.count + len(values), self.total + float(values.sum()), scatter)

    def evidence(self, mean: float) -> float:
        """Returns the logarithm of the evidence that the values have another mean: of a martingale if it is theirs.

        It is half of two ones: the likelihood of 0 and 1, which is convex and so holds for values between them too, and
        bets that pay by the scatter of the values (the empirical Bernstein bound of Howard et al., theorem 4), which
        are better where values between 0 and 1 scatter less than 0 and 1 would.
        """
        if not self.count:
            return 0.0
        mean = min(max(mean, SMALLEST), 1.0 - SMALLEST)
        total = min(max(self.total, 0.0), float(self.count))
        mixture = betaln(total + PRIOR, self.count - total + PRIOR) - betaln(PRIOR, PRIOR)
        likelihood = total * math.log(mean) + (self.count - total) * math.log1p(-mean)
        evidence = float(mixture) - likelihood
        if self.scatter is None:
            return evidence
        surplus, scatter = abs(total - self.count * mean), self.scatter
        bets = [
            sign * bet * surplus - price * scatter for bet, price in zip(BETS, PRICES, strict=True) for sign in (1, -1)
        ]
        return _log_mean([evidence, _log_mean(bets)])


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


def of_difference(sample: Sample, others: Sample, error: float) -> tuple[float, float]:
    """Returns the interval of the mean of ``sample`` less that of ``others``."""
    limit, middle = math.log(1.0 / error), sample.mean - others.mean

    def beyond(difference: float) -> float:
        return difference_evidence(sample, others, difference) - limit

    return _edge(beyond, -1.0, middle), _edge(beyond, 1.0, middle)


def difference_evidence(sample: Sample, others: Sample, difference: float) -> float:
    """Returns the logarithm of the evidence that the means differ by something else than ``difference``.

    The product of two martingales is one, so it is the least product over all means of the others that are possible.
    """
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    if high - low < SMALLEST:
        return others.evidence(low) + sample.evidence(low + difference)
    least = minimize_scalar(
        lambda mean: others.evidence(mean) + sample.evidence(mean + difference),
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-7},
    )
    return float(least.fun)


def _log_mean(logarithms: list[float]) -> float:
    """Returns the logarithm of the mean."""
    largest = max(logarithms)
    return largest + math.log(sum(math.exp(each - largest) for each in logarithms) / len(logarithms))


def _edge(beyond: Callable[[float], float], far: float, middle: float) -> float:
    """Returns where the evidence is just refuting, between the middle and ``far``; ``far`` if it never is."""
    if middle == far or beyond(far) <= 0.0:
        return far
    return float(brentq(beyond, *sorted((far, middle)), xtol=1e-7))
