"""What a place says of a load, and whether two places agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

SHARES = (0.5, 0.95, 0.99)
QUANTILE_TOLERANCE = 0.05
"""The relative error of quantiles: buckets are at most 4.4 % wide."""
MEAN_TOLERANCE = 0.001
"""Seconds that the sum of durations may be off for each request."""
ALL = "all"
"""Stands for the requests of all ranges together."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a place says of the requests of a range; None and missing quantiles are what it does not say."""

    count: int | None = None
    mean: float | None = None
    """Seconds: the sum of the durations by their number."""
    quantiles: Mapping[float, float] = field(default_factory=dict)
    """Seconds, by their share."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place that shows numbers, and what it says of the load by range of words."""

    name: str
    figures: Mapping[str, Figures]


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a quantile may be by the definitions in use: the value at its rank, and those one rank below and above."""

    low: float
    value: float
    high: float

    def allow(self, value: float) -> bool:
        """Returns whether ``value`` is within them, or off by no more than a quantile may be."""
        return self.low * (1 - QUANTILE_TOLERANCE) <= value <= self.high * (1 + QUANTILE_TOLERANCE)


def bounds(durations: Sequence[float], share: float) -> Bounds:
    """Returns the bounds of a quantile of durations, of which there is at least one."""
    ordered = sorted(durations)
    rank = math.ceil(share * len(ordered)) - 1
    return Bounds(ordered[max(rank - 1, 0)], ordered[rank], ordered[min(rank + 1, len(ordered) - 1)])


def disagreements(durations: Mapping[str, Sequence[float]], place: Place) -> Iterator[str]:
    """Yields a sentence for each number of the place that does not fit the client's durations, by range."""
    for words, figures in place.figures.items():
        ours = durations[words]
        subject = "requests in all" if words == ALL else f"requests of {words} words"
        if figures.count is not None and figures.count != len(ours):
            yield f"{place.name} counts {figures.count} {subject}, and the client {len(ours)}."
            continue  # what follows would be about other requests
        if not ours:
            continue
        mean = math.fsum(ours) / len(ours)
        if figures.mean is not None and not abs(figures.mean - mean) <= MEAN_TOLERANCE:
            yield (
                f"{place.name} says that {subject} took {figures.mean:.4f} s on average, and the client {mean:.4f} s: "
                f"more than {MEAN_TOLERANCE * 1e3:g} ms apart."
            )
        for share, value in figures.quantiles.items():
            expected = bounds(ours, share)
            if not expected.allow(value):
                yield (
                    f"{place.name} says that the p{share * 100:.0f} of {subject} is {value:.4f} s, and the client "
                    f"{expected.value:.4f} s: more than {QUANTILE_TOLERANCE:.0%} and more than one rank apart."
                )
