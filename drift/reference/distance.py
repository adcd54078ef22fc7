"""Computes distances between two sets of values: the same numbers as Evidently, a hundred times as fast.

A test checks that they are equal (tests/unit/drift/test_distance.py). Calibration compares hundreds of windows with the
reference, for each column and several sizes; Evidently needs more than a second for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from drift.columns.reader import Floats

LEAST_DEVIATION = 0.001
"""The minimum divisor of the Wasserstein distance, as in Evidently."""
DECILES = 10


def wasserstein(reference: Floats, current: Floats) -> float:
    """Returns the first Wasserstein distance of two ascending samples, in standard deviations of ``reference``.

    It is the mean distance between the values at equal ranks. Raises ValueError when a sample is empty.
    """
    if not len(reference) or not len(current):
        raise ValueError("there is no distance from or to nothing")
    return _transport(reference, current) / max(float(np.std(reference)), LEAST_DEVIATION)


def _transport(reference: Floats, current: Floats) -> float:
    many, few = len(reference), len(current)
    # Ranks in units of 1 / (many * few), so that they are integers and rounding makes no two equal.
    steps = np.concatenate((np.arange(1, many + 1) * few, np.arange(1, few + 1) * many))
    steps.sort(kind="stable")
    widths = np.diff(steps, prepend=0)
    gaps = np.abs(reference[(steps - 1) // few] - current[(steps - 1) // many])
    return float(np.sum(gaps * widths)) / (many * few)  # not @, whose threads add in varying order


def jensen_shannon(reference: Mapping[str, int], current: Mapping[str, int]) -> float:
    """Returns the Jensen-Shannon distance (square root of the divergence, natural logarithm) of two counts, 0 to 0.83.

    Raises ValueError when a count is empty.
    """
    names = sorted(set(reference) | set(current))
    left = np.array([reference.get(name, 0) for name in names], np.float64)
    right = np.array([current.get(name, 0) for name in names], np.float64)
    if not left.sum() or not right.sum():
        raise ValueError("there is no distance from or to nothing")
    left, right = left / left.sum(), right / right.sum()
    middle = (left + right) / 2
    return float(np.sqrt(max(0.0, (_divergence(left, middle) + _divergence(right, middle)) / 2)))


def _divergence(share: Floats, middle: Floats) -> float:
    counted = share > 0
    return float(np.sum(share[counted] * np.log(share[counted] / middle[counted])))


def stability_of_numbers(reference: Floats, current: Floats) -> float:
    """Returns the population stability index over the reference's deciles, each with half a value added to avoid 0."""
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, DECILES + 1)[1:-1]))
    return _stability(*(_counts(np.searchsorted(edges, values), len(edges) + 1) for values in (reference, current)))


def stability_of_categories(reference: Mapping[str, int], current: Mapping[str, int]) -> float:
    """Returns the population stability index over categories; half a value is also added to each."""
    names = sorted(set(reference) | set(current))
    return _stability(
        *(np.array([counts.get(name, 0) for name in names], np.float64) for counts in (reference, current))
    )


def _counts(places: npt.NDArray[np.int64], number: int) -> Floats:
    return np.bincount(places, minlength=number).astype(np.float64)


def _stability(reference: Floats, current: Floats) -> float:
    left = (reference + 0.5) / (reference.sum() + 0.5 * len(reference))
    right = (current + 0.5) / (current.sum() + 0.5 * len(current))
    return float(np.sum((left - right) * np.log(left / right)))


def count(values: npt.NDArray[np.object_]) -> dict[str, int]:
    """Returns how often each value occurs."""
    return dict(Counter(values))
