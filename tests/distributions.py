"""Samples of known distributions, and what a quantile of them may be."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

SHARES = (0.5, 0.95, 0.99)
TOLERANCE = 0.05
"""The promise: a quantile is off by at most 5 %. Buckets of exponential histograms are 4.4 % wide."""


def log_normal(rng: random.Random, count: int, median: float) -> list[float]:
    """Durations as most services have them: p99 is ten times the median."""
    return [rng.lognormvariate(math.log(median), 1.0) for _ in range(count)]


def bimodal(rng: random.Random, count: int) -> list[float]:
    """60 % answers from the cache, about 15 ms, and 40 % that were made, about 8 s."""
    return [rng.gauss(0.015, 0.001) if rng.random() < 0.6 else rng.gauss(8.0, 0.5) for _ in range(count)]


def one_outlier(rng: random.Random, count: int) -> list[float]:
    """All alike, but one that took a minute."""
    return [*(rng.uniform(0.3, 0.32) for _ in range(count - 1)), 60.0]


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The least of the values that at least this share of them does not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]
