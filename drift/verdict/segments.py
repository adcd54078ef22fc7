"""Finds where a change concentrates: the voice, range of words, provider, build ... that causes most of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from drift.columns.column import Column, Scale, ValueKind
from drift.columns.columns import DIMENSIONS, dimensions_of
from drift.columns.frame import Frame
from drift.columns.reader import Flags, Floats, Words
from drift.reference.reference import Reference, column_of
from otel.contract.drift_verdict import Segment

LEAST_ROWS = 20
"""The minimum number of rows of a segment in the window: fewer are anecdotal."""
LEAST_SHARE = 0.5
"""The minimum share of the change: a segment with less is not its source."""
LEAST_LIFT = 0.2
"""The minimum excess of the share of the change over that of the requests: 60 % of it in 50 % of them is everywhere."""
PAIR_GAIN = 0.1
"""The excess by which a pair of dimensions must be better than one of them to be worth naming both."""
FARTHEST = 1.0
"""The maximum units beyond the reference's average that a value counts for, so that one broken clock does not
dominate."""


@dataclass(frozen=True, slots=True)
class WindowFrames:
    """A window's frames and the reference that it is compared with."""

    plain: Frame
    """The window's values before the usual ones were subtracted."""
    judged: Frame
    reference: Reference


@dataclass(frozen=True, slots=True)
class _Side:
    """The window or the reference: each row's contribution to the average, and its dimensions."""

    amounts: Floats
    by: dict[str, Words]

    def where(self, by: tuple[tuple[str, str], ...]) -> Flags:
        chosen = np.ones(len(self.amounts), dtype=np.bool_)
        for name, value in by:
            chosen &= self.by[name] == value
        return chosen


def concentration(column: Column, level: str | None, frames: WindowFrames) -> Segment | None:
    """Returns the segment with most of ``column``'s change and little else; None when the change is everywhere.

    ``level`` is the category whose share has changed, None for what is not sound.
    """
    judged, reference = frames.judged, frames.reference
    now = _side(column, level, judged.values[column.name], judged.present(column), judged.by)
    sample = column_of(reference.sample, column)
    before = _side(column, level, sample, column.present(sample), {name: reference.by(name) for name in DIMENSIONS})
    if not len(now.amounts) or not len(before.amounts):
        return None
    centre = float(np.mean(before.amounts))
    if column.kind is ValueKind.NUMBER:  # the scatter of all requests must not hide a shift of some
        now = _Side(np.clip(now.amounts - centre, -FARTHEST * _unit(column), FARTHEST * _unit(column)), now.by)
        before = _Side(np.clip(before.amounts - centre, -FARTHEST * _unit(column), FARTHEST * _unit(column)), before.by)
    change = float(np.mean(now.amounts) - np.mean(before.amounts))
    if not change:
        return None
    names = dimensions_of(column)
    ranked: list[tuple[float, float, tuple[tuple[str, str], ...]]] = []
    for by in _candidates(names, now):
        inside, was = now.where(by), before.where(by)
        share = (
            now.amounts[inside].sum() / len(now.amounts) - before.amounts[was].sum() / len(before.amounts)
        ) / change
        weight = float(inside.mean())
        lift = min(1.0, float(share)) - weight
        if share >= LEAST_SHARE and lift >= LEAST_LIFT:
            ranked.append((lift - PAIR_GAIN * (len(by) - 1), float(share), by))
    if not ranked:
        return None
    _, share, by = max(ranked, key=lambda entry: (round(entry[0], 9), -len(entry[2])))
    return _segment(column, by, share, (now, before), frames)


def _segment(
    column: Column, by: tuple[tuple[str, str], ...], share: float, sides: tuple[_Side, _Side], frames: WindowFrames
) -> Segment:
    now, before = sides
    inside, was = now.where(by), before.where(by)
    rows = int(inside.sum())
    weight = rows / len(now.amounts)
    average = float(now.amounts[inside].mean())
    usually = float(before.amounts[was].mean()) if was.any() else float(before.amounts.mean())
    if column.kind is ValueKind.CATEGORY:
        return Segment(column.name, by, share, weight, rows, usually, average)
    after = float(frames.plain.values[column.name][frames.judged.present(column)][inside].mean())
    return Segment(column.name, by, share, weight, rows, column.raw(after - average + usually), column.raw(after))


def _side(column: Column, level: str | None, values: object, present: Flags, by: dict[str, Words]) -> _Side:
    chosen = np.asarray(values)[present]
    if column.kind is ValueKind.CATEGORY:
        chosen = chosen == level if level is not None else chosen != column.sound
    return _Side(chosen.astype(np.float64), {name: words[present] for name, words in by.items()})


def _unit(column: Column) -> float:
    """Returns the unit of FARTHEST: a decade, or twenty times the least change that matters."""
    return 1.0 if column.scale is Scale.RATIO else 20 * column.least


def _candidates(names: list[str], side: _Side) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yields values of dimensions, and pairs of them, that enough rows have."""
    frequent: dict[str, list[str]] = {}
    for name in names:
        values, counts = np.unique(side.by[name].astype(str), return_counts=True)
        frequent[name] = [str(v) for v, count in zip(values, counts, strict=True) if count >= LEAST_ROWS and v][:50]
        yield from (((name, value),) for value in frequent[name])
    for first, second in combinations(names, 2):
        if len(frequent[first]) < 2 or len(frequent[second]) < 2:
            continue
        for one in frequent[first]:
            mask = side.by[first] == one
            for other in frequent[second]:
                if int((mask & (side.by[second] == other)).sum()) >= LEAST_ROWS:
                    yield ((first, one), (second, other))
