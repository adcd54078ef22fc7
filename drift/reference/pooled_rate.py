"""An exact test of whether something rare has become more frequent: on the counts of windows in a row, added up.

At night a window has so few requests that its own deviation says little. Counts are exact however few they are: their
sum is tested against the beta-binomial distribution of all requests of these windows. Where the windows' usual rates
differ, the mean rate is taken, at which a sum scatters at least as much (Hoeffding, Annals of Mathematical Statistics
27, 1956). How much the rate of so many windows varies beyond chance is measured on as many windows of the past.

The tests share a budget: one false alarm in WEEKS weeks, over all columns, numbers of windows and hours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import special, stats

from otel.contract.drift_verdict import RareCount

WEEKS = 400
TESTS_OF_WEEK = 168 * 6 * 6
"""Hours, columns, and numbers of windows in a row."""
LEVEL = 1.0 / (WEEKS * TESTS_OF_WEEK)
"""The chance of each test to be a false alarm."""
ENDED = 0.05
"""The chance below which the newest window has too few to be of the same rate as all of them: the change is over."""
CHANCE = 0.05
"""The chance that a rate varies by more than is assumed."""
LEAST_SUMS = 8
"""The sums of the past that a measured variation needs."""
BLOCK = 512
"""The counts whose chances are computed at once."""


def pooled_chance(counts: Sequence[RareCount], scatter: float) -> float:
    """Returns the chance of at least so many in all windows together if nothing has changed.

    ``scatter`` is the correlation of two requests of these windows, from 0 to 1.
    """
    requests = _requests(counts)
    return chance_of_more(sum(each.count for each in counts), requests, _expected(counts) / requests, scatter)


def pooled_change(counts: Sequence[RareCount]) -> float:
    """Returns the difference to the usual rate, of all windows together."""
    return (sum(each.count for each in counts) - _expected(counts)) / _requests(counts)


def goes_on(counts: Sequence[RareCount], scatter: float) -> bool:
    """Returns whether the newest window may be of the same rate as all windows together."""
    rate = sum(each.count for each in counts) / _requests(counts)
    newest = counts[-1]
    return 1.0 - chance_of_more(newest.count + 1, newest.requests, min(rate, 0.999), scatter) >= ENDED


def pooled_scatter(counts: Mapping[int, RareCount], following: Sequence[bool], size: int, independent: float) -> float:
    """Returns how much the rate of ``size`` windows in a row varies: an upper bound of the correlation of two of their
    requests, infinite if there are too few such windows.

    ``counts`` are those of the past, by the number of the window; ``following`` tells whether a window follows the one
    before, and ``independent`` how many independent windows say as much as these.
    """
    sums = [_squared(each) for each in _in_a_row(counts, following, size)]
    if len(sums) < LEAST_SUMS:
        return math.inf
    squares, requests = np.sum(sums, axis=0)
    # The sum of the squares is about the number of sums, and the scatter times the requests.
    free = max(3.0, min(len(sums), independent))
    upper = squares * free / float(stats.chi2.ppf(CHANCE, free))
    return max(0.0, float((upper - len(sums)) / requests))


def most_of_window(requests: int, rate: float, scatter: float, deviations: float) -> int:
    """Returns the most that a single window counts for: what is as rare as so many standard deviations."""
    rare = float(stats.norm.sf(deviations))
    low, high = int(requests * rate), requests
    while low < high:
        middle = (low + high) // 2
        if chance_of_more(middle + 1, requests, rate, scatter) <= rare:
            high = middle
        else:
            low = middle + 1
    return low


def chance_of_more(count: int, requests: int, rate: float, scatter: float) -> float:
    """Returns the chance of ``count`` or more of ``requests`` by the beta-binomial distribution."""
    if count <= 0:
        return 1.0
    concentration = 1.0 / max(scatter, 1e-9) - 1.0
    a, b = rate * concentration, (1.0 - rate) * concentration
    chance = 0.0
    for start in range(count, requests + 1, BLOCK):
        k = np.arange(start, min(start + BLOCK, requests + 1))
        ways = special.gammaln(requests + 1) - special.gammaln(k + 1) - special.gammaln(requests - k + 1)
        chances = np.exp(ways + special.betaln(k + a, requests - k + b) - special.betaln(a, b))
        chance += float(chances.sum())
        if start > requests * rate and chances[-1] < 1e-9 * chance:
            break
    return min(1.0, chance)


def _requests(counts: Sequence[RareCount]) -> int:
    return sum(each.requests for each in counts)


def _expected(counts: Sequence[RareCount]) -> float:
    return sum(each.usual * each.requests for each in counts)


def _squared(counts: Sequence[RareCount]) -> tuple[float, float]:
    """Returns the squared deviation of the sum of windows, in variances without scatter, and their requests."""
    variance = sum(each.requests * each.usual * (1.0 - each.usual) for each in counts)
    return (sum(each.count for each in counts) - _expected(counts)) ** 2 / variance, _requests(counts)


def _in_a_row(counts: Mapping[int, RareCount], following: Sequence[bool], size: int) -> Iterator[tuple[RareCount, ...]]:
    """Yields disjoint rows of ``size`` windows that follow each other."""
    row: list[RareCount] = []
    for number in sorted(counts):
        if row and not (following[number] and number - 1 in counts):
            row = []
        row.append(counts[number])
        if len(row) == size:
            yield tuple(row)
            row = []
