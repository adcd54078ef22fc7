"""Calibrates a reference: thresholds follow from the distances between the service's own windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pandas as pd

from drift.columns.column import Column, ValueKind
from drift.columns.columns import BY_NAME, COLUMNS, DIMENSIONS, NUMBERS
from drift.columns.frame import Frame, joined, prepare, sample
from drift.columns.reader import NOTHING, Values, texts
from drift.errors import ReferenceImpossible
from drift.reference import baseline, calendar, pattern
from drift.reference.baseline import Baseline
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
    Threshold,
    column_of,
)
from drift.reference.thresholds import Pool, Rule, Scores, bounds, fixed

SAMPLE_ROWS = 20_000
"""The maximum number of reference rows for Evidently: more cost seconds and megabytes and change no distance by 1 %."""
LEAST_WINDOWS = 168
"""The number of windows of a calibrated reference: a week of hours, since fewer do not cover every hour of the week."""
LEAST_MEASURED = 72
"""The minimum number of windows, three days of them, for measured thresholds. A service that is quiet at night does not
have 168 windows with enough rows in a week, and fixed thresholds do not know how its hours differ: 3 false alarms in 8
weeks."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The windows of one group of hours, by number, and pools of their sampled values."""

    windows: dict[int, Frame]
    pools: dict[str, Pool]
    sample: pd.DataFrame


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
    thresholds are also fixed ones. A calibrated one has a part for each group of hours that the past tells apart.
    Raises ReferenceImpossible when no window has that many rows.
    """
    starts: list[datetime] = []
    frames: list[Frame] = []
    rows: list[int] = []
    seen: dict[str, Counter[str]] = {"build": Counter(), "voice_checksum": Counter()}
    for start, given in windows:
        frame = prepare(given, start, start + timedelta(seconds=window_seconds))
        if frame.rows < minimum_rows:
            continue
        for name, counter in seen.items():
            if name in given.columns:
                counter.update(set(texts(given[name])) - {NOTHING})
        rows.append(frame.rows)
        starts.append(start)
        frames.append(frame.take(sample(frame.rows, max(SIZES))) if frame.rows > max(SIZES) else frame)
    if not frames:
        raise ReferenceImpossible(f"no window has {minimum_rows} rows")
    every = joined(frames)
    lengths = Lengths.fit(every)
    judged = [lengths.judged(frame) for frame in frames]
    window = timedelta(seconds=window_seconds)
    rule = Rule(deviations, consecutive, [False, *(after - before == window for before, after in pairwise(starts))])
    calibrated = len(frames) >= least_windows
    measured = len(frames) >= min(least_windows, LEAST_MEASURED)
    found = _pattern(starts, judged, window_seconds, calibrated=calibrated, least_windows=least_windows)
    groups = [next(n for n, hours in enumerate(found.groups) if calendar.hour_of_week(s) in hours) for s in starts]
    parts = [_part({n: judged[n] for n, of in enumerate(groups) if of == g}) for g in range(len(found.groups))]
    scores = [{c.name: part.pools[c.name].scores(part.windows) if measured else {} for c in COLUMNS} for part in parts]
    of_all, pools = _together(scores), _pools(parts)
    thresholds = {
        c.name: rule.thresholds(pools[c.name], of_all[c.name]) or fixed(pools[c.name], minimum_rows) for c in COLUMNS
    }
    usual = _baselines(judged, starts, groups, rule) if calibrated else {}
    hours = [
        HourReference(
            name=name,
            hours=found.groups[place],
            windows=len(part.windows),
            rows=sum(rows[number] for number in part.windows),
            thresholds={
                c.name: rule.of_hours(part.pools[c.name], scores[place][c.name], thresholds[c.name]) for c in COLUMNS
            },
            bounds=_bounds(part.pools, list(part.windows.values()), deviations),
            baselines={name: of_group[place] for name, of_group in usual.items() if place in of_group},
        )
        for place, (name, part) in enumerate(zip(calendar.names(found.groups), parts, strict=True))
    ]
    apart = len(hours) > 1
    return Reference(
        created=created or datetime.now(UTC),
        start=starts[0],
        end=starts[-1] + timedelta(seconds=window_seconds),
        windows=len(frames),
        rows=sum(rows),
        state=Calibration.CALIBRATED if calibrated else Calibration.COLD,
        lengths=lengths,
        thresholds=thresholds,
        bounds=_bounds(pools, judged, deviations if measured else None),
        typical=_typical(every),
        builds=tuple(sorted(seen["build"])),
        voice_checksums=tuple(sorted(seen["voice_checksum"])),
        baselines={} if apart else hours[0].baselines,
        hours=tuple(hours) if apart else (),
        reason=found.reason,
        sample=_sample(parts, apart=apart),
    ).sealed()


def _pattern(
    starts: Sequence[datetime], judged: Sequence[Frame], window_seconds: float, *, calibrated: bool, least_windows: int
) -> Pattern:
    if not calibrated:
        missing = f"a pattern by hour needs {least_windows} windows, and there are {len(starts)}"
        return Pattern((pattern.HOURS,), missing)
    return pattern.find(starts, judged, window_seconds)


def _part(windows: dict[int, Frame]) -> _Part:
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
    return _Part(windows, pools, sampled)


def _applying(column: Column, frame: Frame) -> Values:
    """Returns the values, with none for rows to which ``column`` does not apply."""
    values = frame.values[column.name].copy()
    values[~frame.applies[column.name]] = np.nan if column.kind is ValueKind.NUMBER else NOTHING
    return values


def _sample(parts: Sequence[_Part], *, apart: bool) -> pd.DataFrame:
    """Returns the sample of all parts; ``apart``: with each row's part."""
    if not apart:
        return parts[0].sample
    return pd.concat([part.sample.assign(**{GROUP: place}) for place, part in enumerate(parts)], ignore_index=True)


def _pools(parts: Sequence[_Part]) -> dict[str, Pool]:
    """Returns the pools of all parts together."""
    if len(parts) == 1:
        return parts[0].pools
    return {
        column.name: Pool.of(
            column,
            np.concatenate([part.pools[column.name].values for part in parts]),
            np.concatenate([part.pools[column.name].window for part in parts]),
        )
        for column in COLUMNS
    }


def _together(scores: Sequence[dict[str, Scores]]) -> dict[str, Scores]:
    """Returns the scores of all windows in order of time, each measured from the other windows of its own hours."""
    return {
        column.name: {
            size: dict(sorted((n, d) for part in scores for n, d in part[column.name].get(size, {}).items()))
            for size in SIZES
        }
        for column in COLUMNS
    }


def _bounds(pools: dict[str, Pool], judged: Sequence[Frame], deviations: float | None) -> dict[str, TestBounds]:
    return {column.name: bounds(pools[column.name], judged, deviations) for column in COLUMNS}


def _baselines(
    judged: Sequence[Frame], starts: Sequence[datetime], groups: Sequence[int], rule: Rule
) -> dict[str, dict[int, Baseline]]:
    """Returns the usual values by column and group, of the columns that are judged over several windows."""
    found = {}
    for column in COLUMNS:
        if column.accumulated:
            values = [frame.values[column.name][frame.present(column)] for frame in judged]
            found[column.name] = baseline.fit(column, values, starts, groups, rule.following, rule.deviations)
    return found


def _typical(every: Frame) -> dict[str, float]:
    """Returns the medians in the columns' own units, before the usual values are subtracted."""
    typical = {}
    for column in NUMBERS:
        values = every.values[column.name][every.present(column)]
        if len(values):
            typical[column.name] = BY_NAME[column.name].raw(float(np.median(values)))
    return typical
