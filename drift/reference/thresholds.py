"""Thresholds and bounds of a column: how far the service's own windows are from each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from drift.columns.column import Column, ValueKind
from drift.columns.frame import Frame, sample
from drift.columns.reader import Floats, Values
from drift.reference import distance
from drift.reference.rarity import sure
from drift.reference.reference import SIZES, Method, TestBounds, Threshold

FLOOR = 0.05
"""The minimum threshold: 1/20 of the reference's standard deviation, or a Jensen-Shannon distance."""
LEAST_AT_SIZE = 30
"""The minimum number of windows for a threshold of one size; with fewer, the next smaller size applies."""
LEAST_OF_HOURS = 5
"""The minimum number of windows of some hours of the week that can raise the thresholds of all hours for them."""
STABILITY = 0.25
"""The population stability index that is commonly called a major change."""
COLD_SURE = 1.2
"""The multiple of STABILITY that consecutive windows must reach on average."""
FIXED_SIZE = 200
"""The minimum number of values for that index; for fewer it is large by chance."""
TAIL = 1.5
"""The maximum ratio of a window's p95 to the reference's."""
SUCCESS = 0.95
MISSING = 0.05
"""The share of missing values that is always tolerated."""

Scores = dict[int, dict[int, float]]
"""By size and number of the window: its distance from the other windows."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The sampled values of one column, and the window of each."""

    column: Column
    values: Values
    window: npt.NDArray[np.int64]

    counts: dict[str, int]
    """The count of each category; empty for a number."""

    @classmethod
    def of(cls, column: Column, values: Values, window: npt.NDArray[np.int64]) -> Pool:
        """Returns the pool of those ``values`` that are values; numbers ascending."""
        present = column.present(values)
        values, window = values[present], window[present]
        if column.kind is ValueKind.CATEGORY:
            return cls(column, values, window, distance.count(values))
        order = np.argsort(values, kind="stable")
        return cls(column, values[order], window[order], {})

    def without(self, window: int) -> Values | dict[str, int]:
        """Returns the other windows' numbers, or their count of each category."""
        if self.column.kind is ValueKind.NUMBER:
            others: Values = self.values[self.window != window]
            return others
        own = distance.count(self.values[self.window == window])
        return {name: number - own.get(name, 0) for name, number in self.counts.items()}

    def scores(self, windows: Mapping[int, Frame]) -> Scores:
        """Returns the distance of each window from the others, at each size that it has values for."""
        scores: Scores = {size: {} for size in SIZES}
        if len(self.values) < SIZES[0]:
            return scores
        for number, frame in windows.items():
            values = frame.values[self.column.name][frame.present(self.column)]
            others = self.without(number)
            if not (len(others) if isinstance(others, np.ndarray) else sum(others.values())):
                continue
            for size in SIZES:
                if len(values) >= size:
                    scores[size][number] = measure(self.column, others, values[sample(len(values), size)])
        return scores

    @property
    def floor(self) -> float:
        """The minimum threshold."""
        if self.column.kind is ValueKind.CATEGORY:
            return max(FLOOR, self.column.least)
        deviation = float(np.std(self.values)) if len(self.values) else 0.0
        return max(FLOOR, self.column.least / max(deviation, distance.LEAST_DEVIATION))


@dataclass(frozen=True, slots=True)
class Rule:
    """The settings by which distances become thresholds."""

    deviations: float
    consecutive: int
    following: Sequence[bool]
    """Whether each window directly follows the one before."""

    def thresholds(self, pool: Pool, scores: Scores) -> dict[int, Threshold]:
        """Returns the thresholds by size, for each size that enough windows have."""
        return {
            size: self._threshold(pool, by_window)
            for size, by_window in scores.items()
            if len(by_window) >= LEAST_AT_SIZE
        }

    def of_hours(self, pool: Pool, scores: Scores, of_all: Mapping[int, Threshold]) -> dict[int, Threshold]:
        """Returns the thresholds of some hours: their own, or, with too few windows, those of all hours at least."""
        thresholds: dict[int, Threshold] = {}
        if len(pool.values) < SIZES[0]:
            return thresholds
        for size, common in of_all.items():
            by_window = scores.get(size, {})
            if len(by_window) < LEAST_OF_HOURS:
                thresholds[size] = _raised(common, pool.floor, pool.floor)
                continue
            own = self._threshold(pool, by_window)
            enough = len(by_window) >= LEAST_AT_SIZE
            thresholds[size] = own if enough else _raised(common, own.value, own.sure)
        return thresholds

    def _threshold(self, pool: Pool, by_window: Mapping[int, float]) -> Threshold:
        own = list(by_window.values())
        in_row = [self.following[number] and number - 1 in by_window for number in by_window]
        mean, deviation = float(np.mean(own)), float(np.std(own, ddof=1))
        value = max(pool.floor, mean + self.deviations * deviation)
        least = max(value, sure(own, in_row, self.consecutive, self.deviations))
        return Threshold(value, least, method(pool.column), mean, deviation, len(own))


def _raised(common: Threshold, value: float, least: float) -> Threshold:
    value = max(common.value, value)
    return Threshold(
        value, max(common.sure, value, least), common.method, common.mean, common.deviation, common.windows
    )


def method(column: Column) -> Method:
    """Returns the method of a calibrated column; Evidently's own choice would depend on the number of rows."""
    return Method.WASSERSTEIN if column.kind is ValueKind.NUMBER else Method.JENSEN_SHANNON


def measure(column: Column, reference: Values | Mapping[str, int], current: Values) -> float:
    """Returns the distance by the column's method; ``reference`` is ascending numbers, or counts of categories."""
    if isinstance(reference, Mapping):
        return distance.jensen_shannon(reference, distance.count(current))
    return distance.wasserstein(reference, np.sort(current))


def fixed(pool: Pool, minimum_rows: int) -> dict[int, Threshold]:
    """Returns the threshold of the population stability index, for references with too few windows to measure one.

    A column with little scatter would alarm at irrelevant changes, so its threshold is at least what twice the smallest
    change that matters would give.
    """
    if len(pool.values) < minimum_rows:
        return {}
    least = 0.0
    if pool.column.kind is ValueKind.NUMBER:
        values: Floats = pool.values
        shift = 2 * pool.column.least
        least = max(distance.stability_of_numbers(values, values + by) for by in (shift, -shift))
    value = max(STABILITY, least)
    return {FIXED_SIZE: Threshold(value, COLD_SURE * value, Method.STABILITY)}


def bounds(pool: Pool, judged: Sequence[Frame], deviations: float | None) -> TestBounds:
    """Returns the bounds of the column's absolute tests; without ``deviations`` they are the means of the windows."""
    column = pool.column
    shares = [share for frame in judged if (share := frame.missing_share(column)) is not None]
    missing = _beyond(shares, deviations, 1.0)
    tails: dict[int, float] = {}
    success: dict[int, float] = {}
    for size in SIZES if column.tail_tested or column.share_tested else ():
        of_size = [
            values[sample(len(values), size)]
            for frame in judged
            if len(values := frame.values[column.name][frame.present(column)]) >= size
        ]
        if not of_size or not len(pool.values):
            continue
        if column.tail_tested:
            usual = float(np.quantile(pool.values, 0.95)) + float(np.log10(TAIL))
            tails[size] = max(usual, _beyond([float(np.quantile(v, 0.95)) for v in of_size], deviations, 1.0))
        if column.share_tested:
            success[size] = min(
                SUCCESS, _beyond([float(np.mean(v == column.sound)) for v in of_size], deviations, -1.0)
            )
    varied = len(pool.values) > 0 and bool(pool.values[0] != pool.values[-1]) and column.kind is ValueKind.NUMBER
    return TestBounds(tails, success, min(1.0, max(MISSING, missing + MISSING)), varied)


def _beyond(values: list[float], deviations: float | None, sign: float) -> float:
    """Returns the mean plus (``sign`` 1) or minus (-1) ``deviations`` standard deviations; without them the mean."""
    if not values:
        return 0.0
    spread = float(np.std(values, ddof=1)) if deviations and len(values) > 1 else 0.0
    return float(np.mean(values)) + sign * (deviations or 0.0) * spread
