"""Calibrates a reference: thresholds follow from the distances between the service's own windows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from drift.columns.column import Column, ValueKind
from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS, NUMBERS
from drift.columns.frame import Frame, joined, prepare, sample
from drift.columns.reader import NOTHING, Values, texts
from drift.errors import ReferenceImpossible
from drift.reference import calendar, pattern, usual_value
from drift.reference.lengths import Lengths
from drift.reference.pattern import Pattern
from drift.reference.reference import (
    BY,
    GROUP,
    SIZES,
    VALUE,
    Calibration,
    HourReference,
    Reference,
    TestBounds,
    column_of,
)
from drift.reference.thresholds import Pool, Rule, Scores, bounds, fixed
from drift.reference.usual_value import UsualValue

SAMPLE_ROWS = 20_000
"""The maximum number of reference rows for Evidently: more cost seconds and megabytes and change no distance by 1 %."""
LEAST_WINDOWS = 168
"""The number of windows of a calibrated reference: a week of hours, since fewer do not cover every hour of the week."""
LEAST_MEASURED = 72
"""The minimum number of windows, three days of them, for measured thresholds. A service that is quiet at night does not
have 168 windows with enough rows in a week, and fixed thresholds do not know how its hours differ: 3 false alarms in 8
weeks."""


@dataclass(frozen=True, slots=True)
class _Windows:
    """The windows with enough rows, in order of time."""

    starts: list[datetime] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    seen: dict[str, set[str]] = field(default_factory=lambda: {"build": set(), "voice_checksum": set()})

    @classmethod
    def read(cls, windows: Iterable[tuple[datetime, pd.DataFrame]], length: timedelta, minimum_rows: int) -> _Windows:
        """Reads windows one by one, and keeps no more than the largest sample of each."""
        read = cls()
        for start, given in windows:
            frame = prepare(given, start, start + length)
            if frame.rows < minimum_rows:
                continue
            for name, values in read.seen.items():
                if name in given.columns:
                    values.update(set(texts(given[name])) - {NOTHING})
            read.rows.append(frame.rows)
            read.starts.append(start)
            read.frames.append(frame.take(sample(frame.rows, max(SIZES))) if frame.rows > max(SIZES) else frame)
        if not read.frames:
            raise ReferenceImpossible(f"no window has {minimum_rows} rows")
        return read


@dataclass(frozen=True, slots=True)
class _Group:
    """The windows of one group of hours, by number, and pools of their sampled values."""

    windows: dict[int, Frame]
    pools: dict[str, Pool]
    sample: pd.DataFrame

    def scores(self) -> dict[str, Scores]:
        """Returns each window's distances from the others, by column."""
        return {column.name: self.pools[column.name].scores(self.windows) for column in COLUMNS}


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
    thresholds are also fixed ones. A calibrated one has thresholds of their own for hours that the past tells apart.
    Raises ReferenceImpossible when no window has that many rows.
    """
    length = timedelta(seconds=window_seconds)
    past = _Windows.read(windows, length, minimum_rows)
    every = joined(past.frames)
    lengths = Lengths.fit(every)
    judged = [lengths.judged(frame) for frame in past.frames]
    following = [False, *(after - before == length for before, after in pairwise(past.starts))]
    rule = Rule(deviations, consecutive, following)
    calibrated = len(judged) >= least_windows
    measured = len(judged) >= min(least_windows, LEAST_MEASURED)
    found = _pattern(past.starts, judged, window_seconds, least_windows)
    places = [next(n for n, of in enumerate(found.groups) if calendar.hour_of_week(s) in of) for s in past.starts]
    groups = [_group({n: judged[n] for n, of in enumerate(places) if of == g}) for g in range(len(found.groups))]
    scores = [group.scores() for group in groups] if measured else []
    together, pools = _together(scores), _pools(groups)
    thresholds = {
        c.name: rule.thresholds(pools[c.name], together[c.name]) or fixed(pools[c.name], minimum_rows) for c in COLUMNS
    }
    baselines = _baselines(judged, past.starts, places, rule) if calibrated else []
    reference = Reference(
        created=created or datetime.now(UTC),
        start=past.starts[0],
        end=past.starts[-1] + length,
        windows=len(judged),
        rows=sum(past.rows),
        state=Calibration.CALIBRATED if calibrated else Calibration.COLD,
        lengths=lengths,
        thresholds=thresholds,
        bounds=_bounds(pools, judged, deviations if measured else None),
        typical=_typical(every),
        builds=tuple(sorted(past.seen["build"])),
        voice_checksums=tuple(sorted(past.seen["voice_checksum"])),
        baselines=baselines[0] if len(baselines) == 1 else {},
        reason=found.reason,
        sample=groups[0].sample,
    )
    if len(groups) > 1:
        hours = tuple(
            HourReference(
                name=name,
                hours=found.groups[place],
                windows=len(group.windows),
                rows=sum(past.rows[number] for number in group.windows),
                thresholds={
                    c.name: rule.of_hours(group.pools[c.name], scores[place][c.name], thresholds[c.name])
                    for c in COLUMNS
                },
                bounds=_bounds(group.pools, list(group.windows.values()), deviations),
                baselines=baselines[place],
            )
            for place, (name, group) in enumerate(zip(calendar.names(found.groups), groups, strict=True))
        )
        reference = replace(reference, hours=hours, sample=_sample(groups))
    return reference.sealed()


def _pattern(starts: Sequence[datetime], judged: Sequence[Frame], window_seconds: float, least_windows: int) -> Pattern:
    if len(starts) < least_windows:
        missing = f"a pattern by hour needs {least_windows} windows, and there are {len(starts)}"
        return Pattern((pattern.HOURS,), missing)
    return pattern.find(starts, judged, window_seconds)


def _group(windows: dict[int, Frame]) -> _Group:
    """Returns a pool for each column, and a proportional sample of all windows' rows."""
    total = sum(frame.rows for frame in windows.values())
    share = min(1.0, SAMPLE_ROWS / total)
    taken = [frame.take(sample(frame.rows, max(1, int(frame.rows * share)))) for frame in windows.values()]
    number = np.repeat(list(windows), [frame.rows for frame in taken])
    whole = joined(taken)
    sampled = pd.DataFrame(
        {VALUE + c.name: _applying(c, whole) for c in COLUMNS} | {BY + name: whole.by[name] for name in DIMENSIONS}
    )
    for column in NUMBERS:
        sampled[VALUE + column.name] = sampled[VALUE + column.name].astype(np.float64)
    pools = {column.name: Pool.of(column, column_of(sampled, column), number) for column in COLUMNS}
    return _Group(windows, pools, sampled)


def _applying(column: Column, frame: Frame) -> Values:
    """Returns the values, with none for rows to which ``column`` does not apply."""
    values = frame.values[column.name].copy()
    values[~frame.applies[column.name]] = np.nan if column.kind is ValueKind.NUMBER else NOTHING
    return values


def _sample(groups: Sequence[_Group]) -> pd.DataFrame:
    """Returns the samples of all groups, with the group of each row."""
    return pd.concat([group.sample.assign(**{GROUP: place}) for place, group in enumerate(groups)], ignore_index=True)


def _pools(groups: Sequence[_Group]) -> dict[str, Pool]:
    """Returns the pools of all groups together."""
    if len(groups) == 1:
        return groups[0].pools
    return {
        column.name: Pool.of(
            column,
            np.concatenate([group.pools[column.name].values for group in groups]),
            np.concatenate([group.pools[column.name].window for group in groups]),
        )
        for column in COLUMNS
    }


def _together(scores: Sequence[dict[str, Scores]]) -> dict[str, Scores]:
    """Returns the scores of all windows in order of time, each measured from the other windows of its own hours."""
    return {
        column.name: {
            size: dict(sorted((n, d) for of_group in scores for n, d in of_group[column.name].get(size, {}).items()))
            for size in SIZES
        }
        for column in COLUMNS
    }


def _bounds(pools: dict[str, Pool], judged: Sequence[Frame], deviations: float | None) -> dict[str, TestBounds]:
    return {column.name: bounds(pools[column.name], judged, deviations) for column in COLUMNS}


def _baselines(
    judged: Sequence[Frame], starts: Sequence[datetime], places: Sequence[int], rule: Rule
) -> list[dict[str, UsualValue]]:
    """Returns for each group the usual values of the columns that are judged over several windows."""
    found: list[dict[str, UsualValue]] = [{} for _ in range(max(places) + 1)]
    for column in COLUMNS:
        if column.accumulated:
            values = [frame.values[column.name][frame.present(column)] for frame in judged]
            fitted = usual_value.fit(column, values, starts, places, rule.following, rule.deviations)
            for place, usual in fitted.items():
                found[place][column.name] = usual
    return found


def _typical(every: Frame) -> dict[str, float]:
    """Returns the medians in the columns' own units, before the usual values are subtracted."""
    typical = {}
    for column in NUMBERS:
        values = every.values[column.name][every.present(column)]
        if len(values):
            typical[column.name] = BY_NAME[column.name].raw(float(np.median(values)))
    return typical
