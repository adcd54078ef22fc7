"""What is asked of a window: which column at which size against which threshold, and which absolute tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from drift.columns.columns import COLUMNS, Column, ValueKind
from drift.columns.frame import Frame, there
from drift.columns.reader import Problem, ProblemKind, Values
from drift.reference import distance
from drift.reference.calibration import measure
from drift.reference.reference import Method, Reference, Threshold, between
from drift.sampling import sample


class Statistic(StrEnum):
    """What a test takes of a column."""

    P95 = "p95"
    """The 95th percentile, at most the bound."""
    SUCCESS = "success"
    """The share of what is sound, at least the bound."""
    MISSING = "missing"
    """The share of values that are not there, at most the bound."""
    CONSTANT = "constant"
    """The standard deviation, more than the bound."""


@dataclass(frozen=True, slots=True)
class DriftTest:
    """One column of a window, and the threshold that holds for so many values."""

    column: Column
    size: int
    threshold: Threshold
    values: Values
    available: int
    """Values that there were before sampling."""


@dataclass(frozen=True, slots=True)
class BoundTest:
    """One absolute test."""

    column: Column
    statistic: Statistic
    bound: float
    missing_share: float = 0.0
    """Of the whole window, for MISSING."""

    @property
    def name(self) -> str:
        """As it is called in verdicts."""
        return "success" if self.statistic is Statistic.SUCCESS else f"{self.column.name}_{self.statistic}"


@dataclass(frozen=True, slots=True)
class TestPlan:
    """All that is asked of a window."""

    columns: tuple[DriftTest, ...]
    checks: tuple[BoundTest, ...]
    problems: tuple[Problem, ...]
    """Why something is not asked."""


@dataclass(frozen=True, slots=True)
class DriftResult:
    """The answer to a question: a distance, and whether it is too far."""

    column: str
    value: float | None
    over: bool


@dataclass(frozen=True, slots=True)
class TestResult:
    """The answer to a check."""

    __test__ = False  # pytest would take it for one of its own

    name: str
    column: str
    statistic: str
    ok: bool
    value: float
    bound: float


def plan_tests(frame: Frame, reference: Reference) -> TestPlan:
    """What can be asked of ``frame``, judged at equal length, by what ``reference`` has."""
    questions: list[DriftTest] = []
    checks: list[BoundTest] = []
    problems: list[Problem] = []
    for column in COLUMNS:
        bounds = reference.bounds[column.name]
        thresholds = reference.thresholds.get(column.name, {})
        values = frame.values[column.name][frame.present(column)]
        least = min(thresholds, default=0)
        missing = frame.missing_share(column)
        if thresholds and missing is not None and int(frame.applies[column.name].sum()) >= least:
            checks.append(BoundTest(column, Statistic.MISSING, bounds.missing, missing))
            if missing > 0:
                count = round(missing * int(frame.applies[column.name].sum()))
                problems.append(Problem(ProblemKind.MISSING_VALUES, column.name, count))
        if not thresholds:
            if len(values):
                problems.append(Problem(ProblemKind.UNKNOWN_TO_REFERENCE, column.name, len(values)))
            continue
        threshold = reference.threshold(column, len(values))
        if threshold is None:
            problems.append(Problem(ProblemKind.FEW_VALUES, column.name, len(values)))
            continue
        problems += _new_categories(column, values, reference)
        size = len(values) if threshold.method is Method.STABILITY else min(len(values), max(thresholds))
        questions.append(DriftTest(column, size, threshold, values[sample(len(values), size)], len(values)))
        if bounds.p95:
            checks.append(BoundTest(column, Statistic.P95, between(bounds.p95, size)))
        if bounds.success:
            checks.append(BoundTest(column, Statistic.SUCCESS, between(bounds.success, size)))
        if bounds.varied:
            checks.append(BoundTest(column, Statistic.CONSTANT, 0.0))
    return TestPlan(tuple(questions), tuple(checks), tuple(problems))


def _new_categories(column: Column, values: Values, reference: Reference) -> list[Problem]:
    if column.kind is ValueKind.NUMBER:
        return []
    known = reference.counts(column)
    strange = set(values) - set(known)
    new = [value for value in values if value in strange] if strange else []
    return [Problem(ProblemKind.NEW_CATEGORY, column.name, len(new), ", ".join(sorted(set(new))[:5]))] if new else []


def answer(questions: TestPlan, reference: Reference) -> tuple[tuple[DriftResult, ...], tuple[TestResult, ...]]:
    """The answers by ``distance`` alone: what Evidently says, without its report. For simulations of many weeks."""
    readings = tuple(_read(question, reference) for question in questions.columns)
    values = {question.column.name: question.values for question in questions.columns}
    return readings, tuple(_test(check, values.get(check.column.name)) for check in questions.checks)


def _read(question: DriftTest, reference: Reference) -> DriftResult:
    column = question.column
    if question.threshold.method is not Method.STABILITY:
        known = reference.values(column) if column.kind is ValueKind.NUMBER else reference.counts(column)
        value = measure(column, known, question.values)
    elif column.kind is ValueKind.NUMBER:
        value = distance.stability_of_numbers(reference.values(column), question.values)
    else:
        value = distance.stability_of_categories(reference.counts(column), distance.count(question.values))
    return DriftResult(column.name, value, value >= question.threshold.value)


def _test(check: BoundTest, values: Values | None) -> TestResult:
    if check.statistic is Statistic.MISSING or values is None:
        value, ok = check.missing_share, check.missing_share <= check.bound
    elif check.statistic is Statistic.P95:
        value = float(np.quantile(values, 0.95))
        ok = value < check.bound
    elif check.statistic is Statistic.SUCCESS:
        value = float(np.mean(values == check.column.sound))
        ok = value >= check.bound
    else:
        value = float(np.std(values, ddof=1))
        ok = value > check.bound
    return TestResult(check.name, check.column.name, check.statistic.value, bool(ok), value, check.bound)


def flags(frame: Frame, column: Column) -> Values:
    """Of the rows to which ``column`` applies: 1 where there is a value, NaN where there is none."""
    applies = frame.applies[column.name]
    return np.where(there(column, frame.values[column.name][applies]), 1.0, np.nan)
