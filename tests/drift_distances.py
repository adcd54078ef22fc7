"""The tests of a window by our own distances, without Evidently and its report: a tenth of the time.

For weeks of simulated windows; tests/unit/drift/test_evidently_report.py holds the numbers equal to Evidently's.
"""

from __future__ import annotations

import numpy as np

from drift.columns.column import ValueKind
from drift.columns.frame import Frame
from drift.columns.reader import Values
from drift.reference import distance
from drift.reference.reference import Method, Reference
from drift.reference.thresholds import measure
from drift.verdict.drift_tests import BoundTest, DriftResult, DriftTest, Statistic, TestPlan
from drift.verdict.evidently_report import EvidentlyReport
from otel.contract.drift_verdict import TestResult


def by_distance(plan: TestPlan, frame: Frame, reference: Reference) -> EvidentlyReport:
    """The results of ``evaluate``, with no report."""
    values = {test.column.name: test.values for test in plan.drift_tests}
    return EvidentlyReport(
        tuple(_distance(test, reference) for test in plan.drift_tests),
        tuple(_result(test, values.get(test.column.name)) for test in plan.bound_tests),
    )


def _distance(test: DriftTest, reference: Reference) -> DriftResult:
    column = test.column
    if test.threshold.method is not Method.STABILITY:
        known = reference.values(column) if column.kind is ValueKind.NUMBER else reference.counts(column)
        value = measure(column, known, test.values)
    elif column.kind is ValueKind.NUMBER:
        value = distance.stability_of_numbers(reference.values(column), test.values)
    else:
        value = distance.stability_of_categories(reference.counts(column), distance.count(test.values))
    return DriftResult(column.name, value, value >= test.threshold.value)


def _result(test: BoundTest, values: Values | None) -> TestResult:
    if test.statistic is Statistic.MISSING or values is None:
        return test.missing_result()
    if test.statistic is Statistic.P95:
        value = float(np.quantile(values, 0.95))
        return test.result(value, ok=value < test.bound)
    if test.statistic is Statistic.SUCCESS:
        value = float(np.mean(values == test.column.sound))
        return test.result(value, ok=value >= test.bound)
    value = float(np.std(values, ddof=1))
    return test.result(value, ok=value > test.bound)
