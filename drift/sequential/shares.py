"""Detects that a share has risen: of failed requests, or of misheard words; any value from 0 to 1.

Each value x is a bet against the usual bound p: its factor is (q/p)^x ((1-q)/(1-p))^(1-x), for each share q of a grid.
The factor is convex in x, so its mean is at most 1 for any values from 0 to 1 whose mean, given all values before, is
at most p. The sum of these products over all possible starts is a Shiryaev-Roberts e-detector (Shin, Ramdas and
Rinaldo, "E-detectors: a nonparametric framework for sequential change detection", New England Journal of Statistics in
Data Science 2, 2024; the bets are those of Waudby-Smith and Ramdas, "Estimating means of bounded random variables by
betting", Journal of the Royal Statistical Society B 86, 2024). budget.py says what the starts weigh.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from drift.sequential.change import Change

RISES = (0.1, 0.3, 0.6, 0.95)
"""The grid of shares after a change, as parts of the way from the usual bound to 1."""
RECENT = 50
"""The number of values that must be usual again before a change has ended."""


class ShareSuspicion(msgspec.Struct):
    """The evidence for one share of the grid."""

    mass: float = 0.0
    """The e-detector's part: the weighted sum of the products over all starts."""
    rise: float = 0.0
    """Page's CUSUM: the logarithm of the product since the most likely start."""
    since: float = 0.0
    """The time of the first value after that start, in seconds since 1970."""
    count: int = 0
    total: float = 0.0
    """Number and sum of the values since then."""


class ShareDetector(msgspec.Struct):
    """The state of one series."""

    suspicions: list[ShareSuspicion] = msgspec.field(default_factory=lambda: [ShareSuspicion() for _ in RISES])
    open: Change | None = None
    """The change that was found and has not ended."""
    recent: list[float] = []
    """The last RECENT values of an open change."""

    def feed(
        self, times: Sequence[float], values: Sequence[float], weights: Sequence[float], usual: float, bound: float
    ) -> list[Change]:
        """Takes values in order of time, and returns the changes that began or ended with them.

        ``usual`` is the share without a change, and ``bound`` the largest one that is not a change.
        """
        news: list[Change] = []
        factors = [_factors(bound, rise) for rise in RISES]
        for time, value, weight in zip(times, values, weights, strict=True):
            if self.open is not None:
                if self._ended(time, value, bound):
                    news.append(self._end(time))
                continue
            if self._bet(time, value, weight, factors):
                self.open = self._begin(time, usual)
                news.append(self.open)
        return news

    def _bet(self, time: float, value: float, weight: float, factors: Sequence[tuple[float, float]]) -> bool:
        """Returns whether the evidence of all starts and shares together has reached 1."""
        share = weight / len(factors)
        mass = 0.0
        for suspicion, (one, zero) in zip(self.suspicions, factors, strict=True):
            step = zero + value * (one - zero)
            suspicion.mass = (suspicion.mass + share) * math.exp(step)
            mass += suspicion.mass
            if suspicion.rise <= 0.0:
                suspicion.since, suspicion.count, suspicion.total, suspicion.rise = time, 0, 0.0, 0.0
            suspicion.rise += step
            suspicion.count += 1
            suspicion.total += value
        return mass >= 1.0

    def _begin(self, time: float, usual: float) -> Change:
        likeliest = max(self.suspicions, key=lambda suspicion: suspicion.mass)
        count, total = max(1, likeliest.count), likeliest.total
        spread = 1.96 * math.sqrt((total + 1) * (count - total + 1) / (count + 2) ** 3)
        after = (total + 1) / (count + 2)  # with Agresti and Coull's two more values, so that it never is 0 or 1
        self.recent = []
        return Change(
            since=likeliest.since,
            found=time,
            before=usual,
            after=total / count,
            low=max(0.0, after - spread),
            high=min(1.0, after + spread),
            requests=count,
        )

    def _ended(self, time: float, value: float, bound: float) -> bool:
        assert self.open is not None  # noqa: S101 - for the type checker
        self.recent = [*self.recent[-(RECENT - 1) :], value]
        usual_again = len(self.recent) == RECENT and sum(self.recent) <= bound * RECENT
        return usual_again or self.open.is_lasting(time)

    def _end(self, time: float) -> Change:
        assert self.open is not None  # noqa: S101 - for the type checker
        ended = msgspec.structs.replace(self.open, ended=time)
        self.open, self.recent = None, []
        self.suspicions = [ShareSuspicion() for _ in RISES]
        return ended


def largest_usual(usual: float, least: float) -> float:
    """Returns the bound of a share that is usually ``usual``: four times its odds, and not below ``least``."""
    usual = min(max(usual, 0.0), 0.9)
    odds = 4.0 * usual / (1.0 - usual)
    return max(least, odds / (1.0 + odds))


def _factors(bound: float, rise: float) -> tuple[float, float]:
    """Returns the logarithms of the factors of the values 1 and 0."""
    share = bound + rise * (1.0 - bound)
    return math.log(share / bound), math.log((1.0 - share) / (1.0 - bound))
