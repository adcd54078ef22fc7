"""The tests of a window: each column's distance against its threshold, and statistics against absolute bounds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from drift.columns.column import Column, ValueKind
from drift.columns.columns import COLUMNS
from drift.columns.frame import Frame, sample
from drift.columns.reader import Values
from drift.reference.reference import Method, Reference, TestBounds, Threshold, between
from otel.contract.drift_verdict import Problem, ProblemKind, TestResult


class Statistic(StrEnum):
    """The statistic that a bound test computes from a column."""

    P95 = "p95"
    """The 95th percentile, less than the bound."""
    SUCCESS = "success"
    """The share of what is sound, at least the bound."""
    MISSING = "missing"
    """The share of missing values, at most the bound."""
    CONSTANT = "constant"
    """The standard deviation, more than the bound."""
    LEVEL = "level"
    """The deviation of the numbers of the last windows together, less than the bound; ``spans.py`` tests it."""
    RATE = "rate"
    """The same for the rate of a category."""


@dataclass(frozen=True, slots=True)
class DriftTest:
    """A test of one column's distance from the reference against the threshold for that number of values."""

    column: Column
    size: int
    threshold: Threshold
    values: Values
    available: int
    """The number of values before sampling."""


@dataclass(frozen=True, slots=True)
class DriftResult:
    """The result of a DriftTest: the distance, and whether it reaches the threshold."""

    column: str
    value: float | None
    over: bool


@dataclass(frozen=True, slots=True)
class BoundTest:
    """An absolute test of one column; its result is a TestResult."""

    column: Column
    statistic: Statistic
    bound: float
    missing_share: float = 0.0
    """For MISSING: the share in the whole window."""

    @property
    def name(self) -> str:
        """The test's name in verdicts."""
        return "success" if self.statistic is Statistic.SUCCESS else f"{self.column.name}_{self.statistic}"

    def result(self, value: float, *, ok: bool) -> TestResult:
        """Returns the result for the statistic's ``value``."""
        return TestResult(self.name, self.column.name, self.statistic.value, ok, value, self.bound)

    def missing_result(self) -> TestResult:
        """Returns the result of a test of MISSING, which needs no values."""
        return self.result(self.missing_share, ok=self.missing_share <= self.bound)


@dataclass(frozen=True, slots=True)
class TestPlan:
    """All tests of a window."""

    __test__ = False  # otherwise pytest would collect it

    drift_tests: tuple[DriftTest, ...]
    bound_tests: tuple[BoundTest, ...]
    """Only tests of MISSING, if there are no drift tests."""
    problems: tuple[Problem, ...]
    """The reasons why columns are not tested."""


def plan_tests(frame: Frame, reference: Reference) -> TestPlan:
    """Returns the tests with enough values in ``frame``, judged at equal length, and thresholds in ``reference``."""
    drift_tests: list[DriftTest] = []
    bound_tests: list[BoundTest] = []
    problems: list[Problem] = []
    for column in COLUMNS:
        bounds = reference.bounds.get(column.name, TestBounds())
        thresholds = reference.thresholds.get(column.name, {})
        values = frame.values[column.name][frame.present(column)]
        missing, applies = frame.missing_share(column), int(frame.applies[column.name].sum())
        if thresholds and missing is not None and applies >= min(thresholds):
            bound_tests.append(BoundTest(column, Statistic.MISSING, bounds.missing, missing))
            if missing > 0:
                problems.append(_problem(ProblemKind.MISSING_VALUES, column, round(missing * applies)))
        if not thresholds:
            if len(values):
                problems.append(_problem(ProblemKind.UNKNOWN_TO_REFERENCE, column, len(values)))
            continue
        threshold = reference.threshold(column, len(values))
        if threshold is None:
            problems.append(_problem(ProblemKind.FEW_VALUES, column, len(values)))
            continue
        problems += _new_categories(column, values, reference)
        size = len(values) if threshold.method is Method.STABILITY else min(len(values), max(thresholds))
        drift_tests.append(DriftTest(column, size, threshold, values[sample(len(values), size)], len(values)))
        if bounds.p95:
            bound_tests.append(BoundTest(column, Statistic.P95, between(bounds.p95, size)))
        if bounds.success:
            bound_tests.append(BoundTest(column, Statistic.SUCCESS, between(bounds.success, size)))
        if bounds.varied:
            bound_tests.append(BoundTest(column, Statistic.CONSTANT, 0.0))
    return TestPlan(tuple(drift_tests), tuple(bound_tests), tuple(problems))


def _new_categories(column: Column, values: Values, reference: Reference) -> list[Problem]:
    if column.kind is ValueKind.NUMBER:
        return []
    strange = set(values) - set(reference.counts(column))
    if not strange:
        return []
    count = sum(value in strange for value in values)
    return [_problem(ProblemKind.NEW_CATEGORY, column, count, ", ".join(sorted(strange)[:5]))]


def _problem(kind: ProblemKind, column: Column, count: int, detail: str = "") -> Problem:
    return Problem(kind, column.name, count, detail)
