"""Judges windows in a row together: whether the last hours deviate more than all of them would by chance.

A small change is in no single window rare enough. Each window's deviation from the usual value of its hours of the week
(``drift/reference/usual_value.py``) is kept in its score, and the last ones are added up. So are the counts of what is
rare, such as failed requests (``drift/reference/pooled_rate.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from scipy import stats

from drift.columns.column import Column
from drift.columns.columns import COLUMNS
from drift.columns.frame import Frame
from drift.columns.reader import Values
from drift.reference.pooled_rate import LEVEL, goes_on, most_of_window, pooled_chance, pooled_change
from drift.reference.reference import Reference
from drift.reference.usual_value import FARTHEST, LEAST_VALUES, SPANS, UsualValue
from drift.verdict.drift_tests import Statistic
from otel.contract.drift_verdict import RareCount, Score, TestResult

LEAST_POINTS, LEAST_PART = 0.005, 0.2
"""The smallest change of a rate that matters: half a point, or a fifth of the rate, of whatever is rarer."""
STILL = 0.5
"""The newest window must deviate by at least this part of the average: a change that is over has ended."""


@dataclass(frozen=True, slots=True)
class SpanTest:
    """The test of a column's last windows together."""

    column: Column
    recent: tuple[float, ...]
    """The deviations of the last windows, the newest last."""
    windows: int
    """The windows in a row that deviate most, if that is too much; 0 if it is not."""
    value: float
    bound: float
    counts: tuple[RareCount, ...] = ()
    """The counts of the last windows of something rare, the newest last."""

    @property
    def result(self) -> TestResult:
        """The result for the verdict's tests: the deviation of these windows together, and its limit."""
        statistic = Statistic.LEVEL if self.column.rate is None else Statistic.RATE
        name = f"{self.column.name}_{statistic}"
        return TestResult(name, self.column.name, statistic.value, not self.windows, self.value, self.bound)


def span_tests(
    frame: Frame, start: datetime, reference: Reference, before: Mapping[str, Score], consecutive: int
) -> dict[str, SpanTest]:
    """Returns the tests of the window that begins at ``start``, by column.

    A column is tested if it has enough values in ``frame`` and a usual value in ``reference``; ``before`` are the last
    scores. Fewer than ``consecutive`` windows are no drift.
    """
    tests = {}
    for column in COLUMNS:
        usual = reference.baselines.get(column.name)
        values = frame.values[column.name][frame.present(column)]
        if usual is not None and len(values) >= LEAST_VALUES:
            tests[column.name] = span_test(column, values, start, usual, before.get(column.name), consecutive)
    return tests


def span_test(  # noqa: PLR0917 - a window of a column, and what is known of the column
    column: Column,
    values: Values,
    start: datetime,
    usual: UsualValue,
    last: Score | SpanTest | None,
    consecutive: int,
) -> SpanTest:
    """Returns the test of one column's window with ``values``; ``last`` has the deviations and counts so far."""
    deviation = float(np.clip(usual.deviation(column, values, start), -FARTHEST, FARTHEST))
    recent = (*(last.recent if last else ()), round(deviation, 2))[-max(SPANS) :]
    test = _test(column, recent, usual, usual.change(column, values, start), consecutive)
    if not usual.scatters:
        return test
    counts = (*(last.counts if last else ()), _count(usual, usual.rare_count(column, values), deviation))
    return _pooled(test, counts[-max(SPANS) :], usual, consecutive)


def _count(usual: UsualValue, count: RareCount, deviation: float) -> RareCount:
    """Returns the count, as far as a single window counts: one terrible hour alone is no drift."""
    if -deviation < FARTHEST:
        return count
    most = most_of_window(count.requests, count.usual, usual.scatter, FARTHEST)
    return replace(count, count=min(count.count, most))


def _pooled(test: SpanTest, counts: tuple[RareCount, ...], usual: UsualValue, consecutive: int) -> SpanTest:
    """Returns the test with the counts, and failed if they are too many in the last windows together."""
    chances = {
        size: pooled_chance(counts[-size:], scatter)
        for size, scatter in zip(SPANS, usual.scatters, strict=True)
        if max(consecutive, 2) <= size <= len(counts)
        and pooled_change(counts[-size:]) >= _least(test.column, usual)
        and goes_on(counts[-size:], scatter)
    }
    size = min(chances, key=lambda each: chances[each], default=0)
    if test.windows or not size or chances[size] > LEVEL:
        return replace(test, counts=counts)
    value, bound = (float(stats.norm.isf(max(chance, 1e-300))) for chance in (chances[size], LEVEL))
    return replace(test, counts=counts, windows=size, value=-value, bound=bound)


def _test(column: Column, recent: tuple[float, ...], usual: UsualValue, change: float, consecutive: int) -> SpanTest:
    together = {size: usual.together(recent[-size:]) for size in SPANS if size <= len(recent)}
    beyond = {
        size: value
        for size, value in together.items()
        if size >= consecutive
        and abs(value) >= usual.limit
        and abs(change) >= _least(column, usual)
        and recent[-1] * np.sign(value) >= STILL * abs(float(np.mean(recent[-size:])))
    }
    size, value = max((beyond or together).items(), key=lambda entry: abs(entry[1]))
    return SpanTest(column, recent, size if beyond else 0, value, usual.limit)


def _least(column: Column, usual: UsualValue) -> float:
    """Returns the smallest change that matters."""
    if column.rate is None:
        return column.least
    return max(LEAST_POINTS, LEAST_PART * min(usual.usual, 1 - usual.usual))
