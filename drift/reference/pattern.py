"""Finds the hours of the week that differ from the others in the past, by a permutation test.

A window is described by the averages of its numbers and the shares of its categories. The hours of the week are divided
in two, again and again, as a regression tree does (Breiman et al. 1984): into some hours of some days, and the others,
so that this division explains most of the variance of a number or share. It counts only if it explains more than the
best division of each of 999 arrangements in which the days come in another order and each is turned by a number of
hours of its own. An arrangement keeps what neighbouring hours have in common, and loses all that belongs to an hour of
the day or to a day of the week. And the difference must be at least the column's smallest change that matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import numpy.typing as npt

from drift.columns.column import Column, ValueKind
from drift.columns.columns import COLUMNS
from drift.columns.frame import Frame
from drift.columns.reader import Flags, Floats
from drift.reference.calendar import DAY, WEEK, hour_of_week

LEAST_DATES = 7
"""The minimum number of dates with windows; with fewer, a pattern can't be told from chance."""
DATES_FOR_A_DAY = 21
"""The minimum number of dates for a division by a single day of the week; with fewer only working days and weekends are
told apart."""
DATES_WITH_PATTERN = 3
"""The minimum number of dates on each side of a division."""
LEAST_HOURS = 5
"""The minimum number of hours of the past on each side of a division."""
MOST_GROUPS = 8
ARRANGEMENTS = 999
"""The number of arrangements: one in 1,000 services without a pattern gets one."""
LEVEL = 0.001
AT_ONCE = 27
"""The number of arrangements that are computed together."""
LEAST_VALUES = 20
"""The minimum number of values that describe a window."""
LEAST_SHARE = 0.02
MOST_CATEGORIES = 8
SEED = 20261130
HOURS = tuple(range(WEEK))
DAY_SETS = (frozenset(range(7)), frozenset(range(5)), frozenset((5, 6)))


@dataclass(frozen=True, slots=True)
class Pattern:
    """The groups that the hours of the week are divided into, and why."""

    groups: tuple[tuple[int, ...], ...]
    """The hours of the week of each group; all of them in one group if there is no pattern."""
    reason: str
    """Why these groups, as the middle of a sentence."""


@dataclass(frozen=True, slots=True)
class _Past:
    """The past by date, hour of the day, and feature: a number's average or a category's share."""

    weekdays: Floats
    """The number of dates by day of the week: 1 where the date (second axis) is such a day (first axis)."""
    values: npt.NDArray[np.float32]
    """Differences from the average of the feature in the hour's group; 0 where there is no window."""
    known: npt.NDArray[np.float32]
    """1 where the hour of a date has a window."""

    def sums(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Returns the sum over dates for each hour of the week; the first axis of ``values`` is the date."""
        dates = len(values)
        by_day = self.weekdays.astype(np.float32) @ values.reshape(dates, -1)
        return by_day.reshape(WEEK, *values.shape[2:])


@dataclass(frozen=True, slots=True)
class _Division:
    inside: Flags
    explained: float
    column: str


def find(starts: Sequence[datetime], windows: Sequence[Frame], window_seconds: float) -> Pattern:
    """Returns the pattern of past ``windows``, which begin at ``starts`` and were judged at equal length."""
    dates = sorted({start.astimezone(UTC).date() for start in starts})
    if window_seconds > 3600:
        return Pattern((HOURS,), "a pattern by hour needs windows of at most an hour")
    if len(dates) < LEAST_DATES:
        return Pattern((HOURS,), f"a pattern by hour needs windows of {LEAST_DATES} days, and there are {len(dates)}")
    features = list(_features(windows))
    cube = _cube(starts, windows, features, dates)
    candidates = _candidates(single_days=len(dates) >= DATES_FOR_A_DAY)
    groups, waiting = [np.ones(WEEK, dtype=np.bool_)], [0]
    columns: list[str] = []
    chance = 1.0
    while waiting and len(groups) < MOST_GROUPS:
        place = waiting.pop(0)
        past = _centred(cube, groups, dates)
        division = _best(past, cube, candidates, groups[place], features)
        p = _chance(past, candidates, groups[place], division.explained) if division else 1.0
        chance = p if place == 0 and len(groups) == 1 else chance
        if division is None or p > LEVEL:
            continue
        groups.append(groups[place] & division.inside)
        groups[place] = groups[place] & ~division.inside
        waiting += [place, len(groups) - 1]
        if division.column not in columns:
            columns.append(division.column)
    if len(groups) == 1:
        return Pattern((HOURS,), f"the past shows no pattern by hour (p {chance:.2g})")
    titles = " and ".join(columns)
    return Pattern(
        tuple(tuple(int(hour) for hour in np.flatnonzero(group)) for group in groups),
        f"in the past {len(dates)} days, hours differ in {titles} (p {chance:.2g})",
    )


def _features(windows: Sequence[Frame]) -> Iterator[tuple[Column, str]]:
    """Yields the columns of numbers, and the frequent categories of the others."""
    for column in COLUMNS:
        if column.kind is ValueKind.NUMBER:
            yield column, ""
            continue
        counts: dict[str, int] = {}
        for frame in windows:
            names, numbers = np.unique(frame.values[column.name][frame.present(column)].astype(str), return_counts=True)
            for name, number in zip(names, numbers, strict=True):
                counts[str(name)] = counts.get(str(name), 0) + int(number)
        total = sum(counts.values())
        often = sorted(counts, key=lambda name: (-counts[name], name))[:MOST_CATEGORIES]
        yield from ((column, name) for name in often if LEAST_SHARE * total <= counts[name] < total)


def _cube(
    starts: Sequence[datetime], windows: Sequence[Frame], features: Sequence[tuple[Column, str]], dates: Sequence[date]
) -> Floats:
    """Returns the features by date, hour of the day and feature, NaN where there are none; an hour's windows are
    averaged."""
    sums, counts = np.zeros((2, len(dates), DAY, len(features)))
    place = {day: number for number, day in enumerate(dates)}
    for start, frame in zip(starts, windows, strict=True):
        day, hour = place[start.astimezone(UTC).date()], hour_of_week(start) % DAY
        for number, (column, category) in enumerate(features):
            values = frame.values[column.name][frame.present(column)]
            if len(values) >= LEAST_VALUES:
                chosen = values if column.kind is ValueKind.NUMBER else values == category
                sums[day, hour, number] += float(np.mean(chosen))
                counts[day, hour, number] += 1
    with np.errstate(invalid="ignore"):
        return np.asarray(sums / np.where(counts, counts, np.nan))


def _candidates(*, single_days: bool) -> npt.NDArray[np.bool_]:
    """Returns the possible divisions: the hours of the week of each, as flags."""
    sets = [*DAY_SETS, *(frozenset((day,)) for day in range(7))] if single_days else list(DAY_SETS)
    found = []
    for days in sets:
        for length in (*range(1, DAY // 2 + 1), DAY):
            for first in range(DAY if length < DAY else 1):
                hours = {(first + more) % DAY for more in range(length)}
                found.append([hour // DAY in days and hour % DAY in hours for hour in range(WEEK)])
    return np.asarray(found, dtype=np.bool_)


def _centred(cube: Floats, groups: Sequence[Flags], dates: Sequence[date]) -> _Past:
    """Returns the past without what the ``groups`` already explain."""
    weekday = np.array([day.weekday() for day in dates])
    values = cube.copy()
    for group in groups:
        inside = group.reshape(7, DAY)[weekday]
        with np.errstate(invalid="ignore"):
            known = np.isfinite(values[inside])
            average = np.where(known, values[inside], 0.0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
        values[inside] -= average
    known = np.isfinite(cube).any(axis=2)
    values = np.nan_to_num(values)
    spread = np.sqrt(np.mean(np.square(values), axis=(0, 1)))
    values /= np.where(spread > 0, spread, 1.0)  # single precision needs numbers about 1
    of_weekday = (weekday[None, :] == np.arange(7)[:, None]).astype(np.float64)
    return _Past(of_weekday, np.asarray(values, dtype=np.float32), np.asarray(known, dtype=np.float32))


def _best(
    past: _Past,
    cube: Floats,
    candidates: npt.NDArray[np.bool_],
    group: Flags,
    features: Sequence[tuple[Column, str]],
) -> _Division | None:
    """Returns the division of ``group`` that explains most, among those with a difference that matters."""
    inside = _possible(past, candidates, group)
    if not len(inside) or not features:
        return None
    explained = _explained(past, inside, group, past.values[None], past.known[None])[..., 0, :]
    means = [_means(cube, past, chosen) for chosen in (inside, group & ~inside)]
    for number, (column, _) in enumerate(features):
        explained[~_matters(column, means[0][:, number], means[1][:, number]), number] = 0.0
    place, feature = np.unravel_index(int(np.argmax(explained)), explained.shape)
    if not explained[place, feature] > 0:
        return None
    return _Division(inside[place], float(explained[place, feature]), features[int(feature)][0].title)


def _possible(past: _Past, candidates: npt.NDArray[np.bool_], group: Flags) -> npt.NDArray[np.bool_]:
    """Returns the divisions with enough hours and dates of the past on both sides."""
    inside = np.unique(candidates & group, axis=0)
    hours = past.sums(past.known)
    weekday = past.weekdays.argmax(axis=0)
    seen = past.known.astype(np.bool_)
    enough = np.ones(len(inside), dtype=np.bool_)
    for side in (inside, group & ~inside):
        by_day = side.reshape(-1, 7, DAY)[:, weekday, :]
        dates = (by_day & seen).any(axis=2).sum(axis=1)
        enough &= (side @ hours >= LEAST_HOURS) & (dates >= DATES_WITH_PATTERN)
    return inside[enough]


def _explained(
    past: _Past,
    inside: npt.NDArray[np.bool_],
    group: Flags,
    values: npt.NDArray[np.float32],
    known: npt.NDArray[np.float32],
) -> npt.NDArray[np.float32]:
    """Returns the share of the variance that each division explains: by division, arrangement and feature.

    The first axis of ``values`` and ``known`` is the arrangement, then come date, hour and feature.
    """
    chosen, whole = inside.astype(np.float32), group.astype(np.float32)
    sums = past.sums(np.moveaxis(values, 0, 2))
    squares = past.sums(np.moveaxis(np.square(values), 0, 2))
    counts = past.sums(np.moveaxis(known, 0, 2))
    count = np.einsum("h,ha->a", whole, counts)
    mean = np.einsum("h,haf->af", whole, sums) / count[:, None]
    total = np.einsum("h,haf->af", whole, squares) - count[:, None] * mean**2
    own = chosen @ counts
    with np.errstate(divide="ignore", invalid="ignore"):
        weight = np.where((own > 0) & (own < count), count / (own * (count - own)), 0.0)
        scale = np.where(total > 1e-6, 1 / total, 0.0)
    between = (chosen @ sums.reshape(WEEK, -1)).reshape(len(chosen), *mean.shape)
    between -= own[..., None] * mean
    between *= between
    between *= weight[..., None]
    between *= scale
    return between


def _chance(past: _Past, candidates: npt.NDArray[np.bool_], group: Flags, explained: float) -> float:
    """Returns the p-value: the share of arrangements whose best division explains as much; 1 of them is the past.

    It stops at the first one that does, for then the division does not count.
    """
    inside = _possible(past, candidates, group)
    rng = np.random.default_rng(SEED)
    dates = len(past.values)
    done = 0
    while done < ARRANGEMENTS:
        number = min(AT_ONCE if done else 9, ARRANGEMENTS - done)
        order = np.argsort(rng.random((number, dates)), axis=1)[:, :, None]
        turned = (np.arange(DAY) + rng.integers(DAY, size=(number, dates))[:, :, None]) % DAY
        found = _explained(past, inside, group, past.values[order, turned], past.known[order, turned])
        as_much = int((found.max(axis=(0, 2)) >= explained).sum())
        done += number
        if as_much:
            return (1 + as_much) / (1 + done)
    return 1 / (1 + done)


def _means(cube: Floats, past: _Past, chosen: npt.NDArray[np.bool_]) -> Floats:
    """Returns the average of each feature in the hours of each division."""
    known = np.isfinite(cube)
    weekdays = past.weekdays
    sums, counts = (
        (weekdays @ values.reshape(len(values), -1)).reshape(WEEK, -1)
        for values in (np.where(known, cube, 0.0), known.astype(np.float64))
    )
    return np.asarray((chosen @ sums) / np.maximum(1e-9, chosen @ counts))


def _matters(column: Column, inside: Floats, outside: Floats) -> Flags:
    """Returns where the difference is at least the column's smallest change that matters."""
    if column.kind is ValueKind.NUMBER:
        return np.asarray(np.abs(inside - outside) >= column.least)
    middle = (inside + outside) / 2
    divergence = sum(
        (
            _summand(inside, middle) + _summand(1 - inside, 1 - middle),
            _summand(outside, middle) + _summand(1 - outside, 1 - middle),
        )
    )
    return np.asarray(np.sqrt(np.maximum(0.0, divergence / 2)) >= column.least)


def _summand(share: Floats, middle: Floats) -> Floats:
    return np.asarray(share * np.log(np.maximum(share, 1e-300) / np.maximum(middle, 1e-300)))
