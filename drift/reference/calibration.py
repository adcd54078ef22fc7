"""Calibrates a reference: thresholds follow from the distances between the service's own windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.column import Column, ValueKind
from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS, NUMBERS
from drift.columns.frame import Frame, joined, prepare, sample
from drift.columns.reader import NOTHING, Floats, Values, texts
from drift.errors import ReferenceImpossible
from drift.reference import distance
from drift.reference.lengths import Lengths
from drift.reference.rarity import sure
from drift.reference.reference import BY, SIZES, VALUE, Calibration, Method, Reference, TestBounds, Threshold, column_of

SAMPLE_ROWS = 20_000
"""The maximum number of reference rows for Evidently: more cost seconds and megabytes and change no distance by 1 %."""
FLOOR = 0.05
"""The minimum threshold: 1/20 of the reference's standard deviation, or a Jensen-Shannon distance."""
LEAST_WINDOWS = 168
"""The number of windows of a calibrated reference: a week of hours, since fewer do not cover every hour of the week."""
LEAST_MEASURED = 72
"""The minimum number of windows, three days of them, for measured thresholds. A service that is quiet at night does not
have 168 windows with enough rows in a week, and fixed thresholds do not know how its hours differ: 3 false alarms in 8
weeks."""
LEAST_AT_SIZE = 30
"""The minimum number of windows for a threshold of one size; with fewer, the next smaller size applies."""
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


@dataclass(frozen=True, slots=True)
class _Pool:
    """The reference's sampled values of one column, and the window of each."""

    column: Column
    values: Values
    window: npt.NDArray[np.int64]

    counts: dict[str, int]
    """The count of each category; empty for a number."""

    def without(self, window: int) -> Values | dict[str, int]:
        """Returns the other windows' numbers, or their count of each category."""
        if self.column.kind is ValueKind.NUMBER:
            others: Values = self.values[self.window != window]
            return others
        own = distance.count(self.values[self.window == window])
        return {name: number - own.get(name, 0) for name, number in self.counts.items()}


def calibrate(
    windows: Iterable[tuple[datetime, pd.DataFrame]],
    *,
    deviations: float = 4.0,
    consecutive: int = 2,
    least_windows: int = LEAST_WINDOWS,
    minimum_rows: int = 200,
    window_seconds: float = 3600.0,
    created: datetime | None = None,
) -> Reference:
    """Makes a reference of ``windows``, ascending pairs of a start and its rows, which are read one by one.

    With fewer than ``least_windows`` windows of ``minimum_rows`` rows it is cold; with fewer than LEAST_MEASURED, its
    thresholds are also fixed ones. Raises ReferenceImpossible when no window has that many rows.
    """
    starts: list[datetime] = []
    frames: list[Frame] = []
    rows = 0
    seen: dict[str, Counter[str]] = {"build": Counter(), "voice_checksum": Counter()}
    for start, given in windows:
        frame = prepare(given, start, start + timedelta(seconds=window_seconds))
        if frame.rows < minimum_rows:
            continue
        for name, counter in seen.items():
            if name in given.columns:
                counter.update(set(texts(given[name])) - {NOTHING})
        rows += frame.rows
        starts.append(start)
        frames.append(frame.take(sample(frame.rows, max(SIZES))) if frame.rows > max(SIZES) else frame)
    if not frames:
        raise ReferenceImpossible(f"no window has {minimum_rows} rows")
    every = joined(frames)
    lengths = Lengths.fit(every)
    judged = [lengths.judged(frame) for frame in frames]
    pools, sampled = _pools(judged)
    window = timedelta(seconds=window_seconds)
    following = [False, *(after - before == window for before, after in pairwise(starts))]
    calibrated = len(frames) >= least_windows
    measured = len(frames) >= min(least_windows, LEAST_MEASURED)
    thresholds: dict[str, dict[int, Threshold]] = {}
    bounds: dict[str, TestBounds] = {}
    for column in COLUMNS:
        pool = pools[column.name]
        by_size = _thresholds(pool, judged, following, consecutive, deviations) if measured else {}
        thresholds[column.name] = by_size or _fixed(pool, minimum_rows)
        bounds[column.name] = _bounds(pool, judged, deviations if measured else None)
    return Reference(
        created=created or datetime.now(UTC),
        start=starts[0],
        end=starts[-1] + timedelta(seconds=window_seconds),
        windows=len(frames),
        rows=rows,
        state=Calibration.CALIBRATED if calibrated else Calibration.COLD,
        lengths=lengths,
        thresholds=thresholds,
        bounds=bounds,
        typical=_typical(every),
        builds=tuple(sorted(seen["build"])),
        voice_checksums=tuple(sorted(seen["voice_checksum"])),
        sample=sampled,
    ).sealed()


def _pools(judged: list[Frame]) -> tuple[dict[str, _Pool], pd.DataFrame]:
    """Returns a pool for each column, its numbers ascending, and a proportional sample of all windows' rows."""
    total = sum(frame.rows for frame in judged)
    share = min(1.0, SAMPLE_ROWS / total)
    parts = [frame.take(sample(frame.rows, max(1, int(frame.rows * share)))) for frame in judged]
    window = np.repeat(np.arange(len(parts)), [part.rows for part in parts])
    whole = joined(parts)
    sampled = pd.DataFrame(
        {VALUE + c.name: _applying(c, whole) for c in COLUMNS} | {BY + name: whole.by[name] for name in DIMENSIONS}
    )
    for column in NUMBERS:
        sampled[VALUE + column.name] = sampled[VALUE + column.name].astype(np.float64)
    pools = {}
    for column in COLUMNS:
        values = column_of(sampled, column)
        present = column.present(values)
        values, of = values[present], window[present]
        order = np.argsort(values, kind="stable") if column.kind is ValueKind.NUMBER else np.arange(len(values))
        counts = {} if column.kind is ValueKind.NUMBER else distance.count(values)
        pools[column.name] = _Pool(column, values[order], of[order], counts)
    return pools, sampled


def _applying(column: Column, frame: Frame) -> Values:
    """Returns the values, with none for rows to which ``column`` does not apply."""
    values = frame.values[column.name].copy()
    values[~frame.applies[column.name]] = np.nan if column.kind is ValueKind.NUMBER else NOTHING
    return values


def _thresholds(
    pool: _Pool, judged: list[Frame], following: list[bool], consecutive: int, deviations: float
) -> dict[int, Threshold]:
    """Returns the thresholds by size, for each size that enough windows have."""
    column = pool.column
    if len(pool.values) < SIZES[0]:
        return {}
    scores: dict[int, dict[int, float]] = {size: {} for size in SIZES}
    for number, frame in enumerate(judged):
        values = frame.values[column.name][frame.present(column)]
        others = pool.without(number)
        if not (len(others) if isinstance(others, np.ndarray) else sum(others.values())):
            continue
        for size in SIZES:
            if len(values) >= size:
                scores[size][number] = measure(column, others, values[sample(len(values), size)])
    floor = _floor(pool)
    thresholds = {}
    for size, by_window in scores.items():
        if len(by_window) >= LEAST_AT_SIZE:
            own = list(by_window.values())
            in_row = [following[number] and number - 1 in by_window for number in by_window]
            mean, deviation = float(np.mean(own)), float(np.std(own, ddof=1))
            value = max(floor, mean + deviations * deviation)
            least = max(value, sure(own, in_row, consecutive, deviations))
            thresholds[size] = Threshold(value, least, method(column), mean, deviation, len(own))
    return thresholds


def method(column: Column) -> Method:
    """Returns the method of a calibrated column; Evidently's own choice would depend on the number of rows."""
    return Method.WASSERSTEIN if column.kind is ValueKind.NUMBER else Method.JENSEN_SHANNON


def measure(column: Column, reference: Values | Mapping[str, int], current: Values) -> float:
    """Returns the distance by the column's method; ``reference`` is ascending numbers, or counts of categories."""
    if isinstance(reference, Mapping):
        return distance.jensen_shannon(reference, distance.count(current))
    return distance.wasserstein(reference, np.sort(current))


def _floor(pool: _Pool) -> float:
    if pool.column.kind is ValueKind.CATEGORY:
        return max(FLOOR, pool.column.least)
    return max(FLOOR, pool.column.least / max(float(np.std(pool.values)), distance.LEAST_DEVIATION))


def _fixed(pool: _Pool, minimum_rows: int) -> dict[int, Threshold]:
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


def _bounds(pool: _Pool, judged: list[Frame], deviations: float | None) -> TestBounds:
    column = pool.column
    shares = [share for frame in judged if (share := frame.missing_share(column)) is not None]
    missing = _beyond(shares, deviations, 1.0)
    tails: dict[int, float] = {}
    success: dict[int, float] = {}
    for size in SIZES:
        of_size = [
            values[sample(len(values), size)]
            for frame in judged
            if len(values := frame.values[column.name][frame.present(column)]) >= size
        ]
        if not of_size:
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


def _typical(every: Frame) -> dict[str, float]:
    """Returns the medians in the columns' own units, before the usual values are subtracted."""
    typical = {}
    for column in NUMBERS:
        values = every.values[column.name][every.present(column)]
        if len(values):
            typical[column.name] = BY_NAME[column.name].raw(float(np.median(values)))
    return typical
