"""Compares two builds, voices or periods at equal length, so that an exit code can stop a deployment.

Requests are grouped into strata: the same way of answering, the same voice, and a narrow range of lengths. Within a
stratum the two sides differ only in what is compared. The difference is the mean over strata; its p-value comes from
shuffling the labels within the strata (a stratified permutation test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.column import Column, Scale, ValueKind
from drift.columns.columns import COLUMNS
from drift.columns.frame import Frame, joined, prepare, sample
from drift.columns.reader import Flags, Floats
from otel.contract.drift_verdict import Subject

SHUFFLES = 1999
"""The number of shuffles. The smallest p is 1 / 2,000, which is below the level even when corrected for all 13
columns."""
ENOUGH = 40
"""The number of shuffles with as large a difference after which it counts as chance, and shuffling stops."""
MOST_ROWS = 5000
"""The size of each side's random sample: more rows would reveal irrelevantly small differences."""
LEVEL = 0.01
"""The probability of a false positive over all columns together."""
MINIMUM_ROWS = 100
"""The minimum number of each side's rows in common strata; fewer can't reveal a change that matters."""
LENGTHS = 16
"""The number of length ranges, by quantiles; within a range, a linear fit removes the remaining influence of length."""
POINTS = 0.02
"""The smallest change of a share that matters."""
SEED = 20261124


class ComparisonOutcome(StrEnum):
    """The outcome of a comparison, or of one column of it."""

    SAME = "same"
    """The sides are equal, or the difference is too small to matter."""
    DIFFERENT = "different"
    INSUFFICIENT_DATA = "insufficient_data"


class Direction(StrEnum):
    """The direction of a difference from a listener's view."""

    WORSE = "worse"
    BETTER = "better"
    OTHER = "other"
    """Neither better nor worse: it sounds different."""


EXIT_CODES = {ComparisonOutcome.SAME: 0, ComparisonOutcome.DIFFERENT: 3, ComparisonOutcome.INSUFFICIENT_DATA: 4}


@dataclass(frozen=True, slots=True)
class Difference:
    """The comparison of B with A in one column."""

    column: str
    subject: Subject
    outcome: ComparisonOutcome
    direction: Direction | None
    """The direction, None unless the outcome is DIFFERENT."""
    before: float
    """A's value: a median in the column's unit, or the share of what is not sound."""
    after: float
    """B's value: ``before`` plus the difference at equal length."""
    ratio: float | None
    """B's value over A's at equal length, for a column that is compared by ratios."""
    p: float | None
    """The p-value: the share of shuffles with as large a difference, after Holm's correction. None if there was too
    little to test, or the difference is too small to matter."""
    rows: tuple[int, int]
    """The rows of A and B in common strata."""
    left_out: int
    """The rows of both in strata of only one side."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of B with A in all columns."""

    state: ComparisonOutcome
    columns: tuple[Difference, ...]
    rows: tuple[int, int]
    """The rows of A and B."""
    by_voice: bool
    """Whether requests were compared within the same voice."""

    @property
    def exit_code(self) -> int:
        """The exit code: 0 if nothing is worse, 3 if anything is worse or sounds different, 4 for too few rows."""
        return EXIT_CODES[self.state]


@dataclass(frozen=True, slots=True)
class _Measured:
    column: Column
    effect: float
    """B's value less A's, in the scale's unit or as a share."""
    p: float | None
    before: float
    rows: tuple[int, int]
    left_out: int


def compare(
    a: pd.DataFrame,
    b: pd.DataFrame,
    *,
    level: float = LEVEL,
    minimum_rows: int = MINIMUM_ROWS,
    effect: float = 1.0,
) -> Comparison:
    """Compares the requests ``b`` with ``a`` in service and audio, at equal length and, if they have voices in common,
    within the same voice.

    ``effect`` scales each column's smallest change that matters. No content of the rows raises an error.
    """
    sides = [prepare(a), prepare(b)]
    rows = (sides[0].rows, sides[1].rows)
    both = joined([side.take(sample(side.rows, MOST_ROWS)) for side in sides])
    of_b = np.arange(both.rows) >= min(rows[0], MOST_ROWS)
    voices = both.by["voice"]
    by_voice = bool((set(voices[~of_b]) & set(voices[of_b])) - {""})
    strata = _strata(both, by_voice=by_voice)
    columns = [column for column in COLUMNS if column.subject is not Subject.TRAFFIC]
    measured = [_measure(column, both, of_b, strata, effect) for column in columns]
    enough = [m for m in measured if min(m.rows) >= minimum_rows]
    corrected = _holm([m.p for m in enough])
    differences = tuple(_difference(m, p, level) for m, p in zip(enough, corrected, strict=True)) + tuple(
        _too_few(m) for m in measured if min(m.rows) < minimum_rows
    )
    order = {column.name: number for number, column in enumerate(columns)}
    ordered = tuple(sorted(differences, key=lambda difference: order[difference.column]))
    return Comparison(_state(ordered), ordered, rows, by_voice)


def _state(differences: Sequence[Difference]) -> ComparisonOutcome:
    """Returns DIFFERENT if a column is worse or other; INSUFFICIENT_DATA unless latency and errors were tested."""
    if any(d.outcome is ComparisonOutcome.DIFFERENT and d.direction is not Direction.BETTER for d in differences):
        return ComparisonOutcome.DIFFERENT
    tested = {
        difference.column for difference in differences if difference.outcome is not ComparisonOutcome.INSUFFICIENT_DATA
    }
    return ComparisonOutcome.SAME if {"latency", "errors"} <= tested else ComparisonOutcome.INSUFFICIENT_DATA


def _strata(frame: Frame, *, by_voice: bool) -> npt.NDArray[np.int64]:
    """Returns the number of each row's stratum; rows of one stratum differ only in what is compared."""
    known = ~np.isnan(frame.length)
    lengths = frame.length[known] if known.any() else np.zeros(1)
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, LENGTHS + 1)[1:-1]))
    ranges = np.where(known, np.searchsorted(edges, np.where(known, frame.length, 0.0), side="right"), -1)
    voices = frame.by["voice"] if by_voice else np.full(frame.rows, "", dtype=object)
    keys = pd.DataFrame({"way": frame.way, "voice": voices, "range": ranges})
    return np.asarray(keys.groupby(["way", "voice", "range"], sort=True).ngroup().to_numpy(), dtype=np.int64)


def _measure(column: Column, frame: Frame, of_b: Flags, strata: npt.NDArray[np.int64], scale: float) -> _Measured:
    present = frame.present(column)
    label, stratum = of_b[present], strata[present]
    if column.kind is ValueKind.CATEGORY:
        values = _unsound(column, frame.values[column.name][present], label)
    else:
        values = frame.values[column.name][present].astype(np.float64)
    shared = np.isin(stratum, np.intersect1d(stratum[label], stratum[~label]))
    left_out = int((~shared).sum())
    values, label, stratum = values[shared], label[shared], stratum[shared]
    rows = (int((~label).sum()), int(label.sum()))
    if not min(rows):
        return _Measured(column, 0.0, None, 0.0, rows, left_out)
    stratum = np.unique(stratum, return_inverse=True)[1]
    before = float(np.mean(values[~label]) if column.kind is ValueKind.CATEGORY else np.median(values[~label]))
    if column.equal_length:
        values = _level(values, frame.length[present][shared], label, stratum)
    effect, p = _permutation(values, label, stratum, _least(column) * scale)
    return _Measured(column, effect, p, before, rows, left_out)


def _unsound(column: Column, values: npt.NDArray[np.object_], label: Flags) -> Floats:
    """Returns 1 where a value is not sound or, if no category is better, is not A's most frequent one."""
    sound = column.sound
    if sound is None:
        names, counts = np.unique(values[~label].astype(str), return_counts=True)
        sound = str(names[np.argmax(counts)]) if len(names) else ""
    return np.asarray(values != sound, dtype=np.float64)


def _level(values: Floats, length: Floats, label: Flags, stratum: npt.NDArray[np.int64]) -> Floats:
    """Removes the influence of length within strata by one common slope, fitted to each side's own deviations."""
    length = np.where(np.isnan(length), 0.0, length)
    cell = stratum * 2 + label
    counts = np.maximum(1, np.bincount(cell))
    x = length - (np.bincount(cell, length) / counts)[cell]
    y = values - (np.bincount(cell, values) / counts)[cell]
    spread = float(x @ x)
    slope = float(x @ y) / spread if spread > 0 else 0.0
    return np.asarray(values - slope * length)


def _least(column: Column) -> float:
    return POINTS if column.kind is ValueKind.CATEGORY else column.least


def _permutation(
    values: Floats, label: Flags, stratum: npt.NDArray[np.int64], least: float
) -> tuple[float, float | None]:
    """Returns the mean difference over strata, weighted by information, and its p-value from shuffled labels.

    Nothing is shuffled for a difference below ``least``.
    """
    order = np.argsort(stratum, kind="stable")
    values, label, stratum = values[order], label[order], stratum[order]
    sizes = np.bincount(stratum).astype(np.float64)
    ours = np.bincount(stratum, label).astype(np.float64)
    centred = values - (np.bincount(stratum, values) / sizes)[stratum]
    # In a stratum with a rows of A and b of B, B's sum of centred values is a b / (a + b) times the difference.
    total = float(centred @ label)
    effect = total / float((ours * (sizes - ours) / sizes).sum())
    if abs(effect) < least:
        return effect, None
    rng = np.random.default_rng(SEED)
    chosen = _first_of_each(sizes, ours)
    as_much = done = 0
    while done < SHUFFLES and as_much < ENOUGH:
        count = min(max(1, 1_000_000 // len(values)), SHUFFLES - done)
        # Rows ordered by stratum, and randomly within it: the first of each stratum become B's.
        places = np.argsort(rng.random((count, len(values))) + stratum, axis=1)
        sums = centred[places] @ chosen
        as_much += int((np.abs(sums) >= abs(total) * (1 - 1e-12)).sum())
        done += count
    return effect, (1 + as_much) / (1 + done)


def _first_of_each(sizes: Floats, ours: Floats) -> Floats:
    """Returns 1 for the first positions of each stratum, as many as it has rows of B, and 0 for the others."""
    starts = np.repeat(np.cumsum(sizes) - sizes, sizes.astype(np.int64))
    place = np.arange(int(sizes.sum())) - starts
    return (place < np.repeat(ours, sizes.astype(np.int64))).astype(np.float64)


def _holm(ps: Sequence[float | None]) -> list[float | None]:
    """Corrects ``ps`` for the number of columns, in the given order; None stays None and counts. Source: Holm 1979."""
    order = sorted((p, place) for place, p in enumerate(ps) if p is not None)
    corrected: list[float | None] = [None] * len(ps)
    highest = 0.0
    for rank, (p, place) in enumerate(order):
        highest = max(highest, min(1.0, p * (len(ps) - rank)))
        corrected[place] = highest
    return corrected


def _difference(measured: _Measured, p: float | None, level: float) -> Difference:
    direction = None
    if p is not None and p <= level:
        sign = measured.column.worse * np.sign(measured.effect)
        direction = Direction.WORSE if sign > 0 else Direction.BETTER if sign < 0 else Direction.OTHER
    return _difference_of(
        measured, ComparisonOutcome.SAME if direction is None else ComparisonOutcome.DIFFERENT, direction, p
    )


def _too_few(measured: _Measured) -> Difference:
    return _difference_of(measured, ComparisonOutcome.INSUFFICIENT_DATA, None, None)


def _difference_of(
    measured: _Measured, outcome: ComparisonOutcome, direction: Direction | None, p: float | None
) -> Difference:
    column, before = measured.column, measured.before
    number = column.kind is ValueKind.NUMBER
    after = before + measured.effect
    return Difference(
        column.name,
        column.subject,
        outcome,
        direction,
        column.raw(before) if number else before,
        column.raw(after) if number else min(1.0, max(0.0, after)),
        10.0**measured.effect if column.scale is Scale.RATIO and number else None,
        p,
        measured.rows,
        measured.left_out,
    )
