"""Runs a window's tests with Evidently: its distances, the status of its tests, and its report.

Evidently is imported late: that takes 5 seconds and 281 MB, and sends telemetry unless DO_NOT_TRACK is set before.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from drift.columns.column import Column, ValueKind
from drift.columns.frame import Frame, table
from drift.columns.reader import Floats, Values
from drift.reference import distance
from drift.reference.reference import Method, Reference
from drift.verdict.drift_tests import BoundTest, DriftResult, Statistic, TestPlan
from otel.contract.drift_verdict import TestResult

REPORTED = " reported"
"""The suffix of the names of columns that are 1 where a value is present."""
SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class EvidentlyReport:
    """The results of a window's tests, and Evidently's report of them if there is one."""

    distances: tuple[DriftResult, ...]
    tests: tuple[TestResult, ...]
    _snapshot: Any = field(default=None, repr=False, compare=False)

    def save_html(self, path: str) -> None:
        """Writes the report, one file without links. Raises ValueError when there is no report, and OSError."""
        self._report().save_html(path)  # given a Path, it silently writes nothing

    def json(self) -> str:
        """Returns the report's numbers. Raises ValueError when there is no report."""
        return str(self._report().json())

    def _report(self) -> Any:
        if self._snapshot is None:
            raise ValueError("there is no report: Evidently made none")
        return self._snapshot


Evaluate = Callable[[TestPlan, Frame, Reference], EvidentlyReport]
"""Runs the tests of a plan."""


def evaluate(plan: TestPlan, frame: Frame, reference: Reference) -> EvidentlyReport:
    """Returns Evidently's results; without drift tests there is no report, and only missing values are tested."""
    if not plan.drift_tests:
        return EvidentlyReport((), tuple(test.missing_result() for test in plan.bound_tests))
    snapshot = _run(plan, frame, reference)
    report = snapshot.dict()
    metrics = {metric["id"]: metric["value"] for metric in report["metrics"]}
    status: dict[tuple[str, str], bool] = {}
    values: dict[tuple[str, str], Any] = {}
    for test in report["tests"]:
        configuration = test["metric_config"]
        parameters = configuration["params"]
        key = (parameters["type"].rsplit(":", 1)[-1], parameters["column"])
        status[key] = test["status"].value == "SUCCESS"
        values[key] = metrics[configuration["metric_id"]]
    distances = tuple(
        DriftResult(test.column.name, _finite(values[key]), not status[key])
        for test in plan.drift_tests
        for key in [("ValueDrift", test.column.name)]
    )
    tests = tuple(_result(test, frame, values, status) for test in plan.bound_tests)
    return EvidentlyReport(distances, tests, snapshot)


def _result(
    test: BoundTest, frame: Frame, values: dict[tuple[str, str], Any], status: dict[tuple[str, str], bool]
) -> TestResult:
    key = _metric_of(test)
    value = values[key]
    if test.statistic is Statistic.MISSING:
        value = value["count"] / max(1, int(frame.applies[test.column.name].sum()))
    return test.result(float(value), ok=status[key])


def _metric_of(test: BoundTest) -> tuple[str, str]:
    name = test.column.name
    return {
        Statistic.P95: ("QuantileValue", name),
        Statistic.SUCCESS: ("MeanValue", SUCCESS),
        Statistic.MISSING: ("MissingValueCount", name + REPORTED),
        Statistic.CONSTANT: ("StdValue", name),
    }[test.statistic]


def _finite(value: Any) -> float:
    """Returns 0 for NaN: for two equal distributions scipy takes the root of a number just below 0."""
    number = float(value)
    return number if np.isfinite(number) else 0.0


def _run(plan: TestPlan, frame: Frame, reference: Reference) -> Any:
    _register()
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, MissingValueCount, QuantileValue, StdValue, ValueDrift
    from evidently.tests import gt, gte, lt, lte

    metrics: list[Any] = [
        ValueDrift(column=test.column.name, method=test.threshold.method.value, threshold=test.threshold.value)
        for test in plan.drift_tests
    ]
    for test in plan.bound_tests:
        name = test.column.name
        match test.statistic:
            case Statistic.P95:
                metrics.append(QuantileValue(column=name, quantile=0.95, tests=[lt(test.bound)]))
            case Statistic.SUCCESS:
                metrics.append(MeanValue(column=SUCCESS, tests=[gte(test.bound)]))
            case Statistic.MISSING:
                most = int(test.bound * int(frame.applies[name].sum()))
                metrics.append(MissingValueCount(column=name + REPORTED, tests=[lte(most)]))
            case Statistic.CONSTANT:
                metrics.append(StdValue(column=name, tests=[gt(test.bound)]))
    current, before = _tables(plan, frame, reference)
    categories = [test.column.name for test in plan.drift_tests if test.column.kind is ValueKind.CATEGORY]
    definition = DataDefinition(
        numerical_columns=[name for name in current.columns if name not in categories], categorical_columns=categories
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # from Evidently's dependencies
        return Report(metrics, include_tests=True).run(
            Dataset.from_pandas(current, data_definition=definition),
            Dataset.from_pandas(before, data_definition=definition),
        )


def _tables(plan: TestPlan, frame: Frame, reference: Reference) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the window and the reference in Evidently's form: each column's values, padded with missing ones."""
    current: dict[str, Values] = {test.column.name: test.values for test in plan.drift_tests}
    before: dict[str, Values] = {test.column.name: reference.values(test.column) for test in plan.drift_tests}
    numbers: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    for test in plan.bound_tests:
        if test.statistic is Statistic.SUCCESS:
            for side, of in zip(numbers, (current, before), strict=True):
                side[SUCCESS] = (of[test.column.name] == test.column.sound).astype(np.float64)
        if test.statistic is Statistic.MISSING:
            numbers[0][test.column.name + REPORTED] = _reported(frame, test.column)
    tables = []
    for columns, more in zip((current, before), numbers, strict=True):
        rows = max(len(values) for values in [*columns.values(), *more.values()])
        padded = table({name: _padded(values, rows) for name, values in columns.items()})
        for name, values in more.items():
            filler = 1.0 if name.endswith(REPORTED) else np.nan  # more rows must not count as missing
            padded[name] = np.concatenate((values, np.full(rows - len(values), filler)))
        tables.append(padded)
    for name in numbers[0]:
        if name not in tables[1]:
            tables[1][name] = 1.0
    return tables[0], tables[1]


def _padded(values: Values, rows: int) -> Values:
    filler = np.nan if values.dtype.kind == "f" else ""
    return np.concatenate((values, np.full(rows - len(values), filler, dtype=values.dtype)))


def _reported(frame: Frame, column: Column) -> Floats:
    """Returns 1 for each row that has a value and NaN for each without one, among those that should have one."""
    values = frame.values[column.name][frame.applies[column.name]]
    return np.where(column.present(values), 1.0, np.nan)


@cache
def _register() -> None:
    """Registers our method for cold references with Evidently."""
    os.environ["DO_NOT_TRACK"] = "1"
    from evidently.legacy.calculations.stattests import StatTest, register_stattest
    from evidently.legacy.core import ColumnType

    def stability(
        reference: pd.Series, current: pd.Series, feature_type: ColumnType, threshold: float
    ) -> tuple[float, bool]:
        if feature_type == ColumnType.Numerical:
            value = distance.stability_of_numbers(reference.to_numpy(np.float64), current.to_numpy(np.float64))
        else:
            value = distance.stability_of_categories(distance.count(reference), distance.count(current))
        return value, value >= threshold

    register_stattest(
        StatTest(
            name=Method.STABILITY.value,
            display_name="Population stability index over the reference's deciles",
            allowed_feature_types=[ColumnType.Numerical, ColumnType.Categorical],
            default_threshold=0.25,
        ),
        stability,
    )
