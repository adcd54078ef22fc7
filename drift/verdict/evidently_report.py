"""What Evidently says of a window: its distances and tests, read by their status, and its report.

Evidently is imported late: it takes 5 seconds and 281 MB, and calls home unless DO_NOT_TRACK is set before.
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

from drift.columns.columns import ValueKind
from drift.columns.frame import Frame, table
from drift.columns.reader import Floats, Values
from drift.reference import distance
from drift.reference.reference import Method, Reference
from drift.verdict.drift_tests import BoundTest, DriftResult, Statistic, TestPlan, TestResult, answer, flags

REPORTED = " reported"
"""Behind a column's name: 1 where its value is there."""
SUCCESS = "success"


@dataclass(frozen=True, slots=True)
class EvidentlyReport:
    """The answers, and where Evidently gave them, its report."""

    readings: tuple[DriftResult, ...]
    tests: tuple[TestResult, ...]
    _snapshot: Any = field(default=None, repr=False, compare=False)

    def save_html(self, path: str) -> None:
        """Writes the report, one file without links. Raises ValueError when Evidently was not asked, and OSError."""
        if self._snapshot is None:
            raise ValueError("there is no report: Evidently was not asked")
        self._snapshot.save_html(path)  # given a Path it writes nothing, and says nothing

    def json(self) -> str:
        """The report's numbers. Raises ValueError when Evidently was not asked."""
        if self._snapshot is None:
            raise ValueError("there is no report: Evidently was not asked")
        told: str = self._snapshot.json()
        return told


Evaluate = Callable[[TestPlan, Frame, Reference], EvidentlyReport]
"""Whoever answers the questions."""


def by_distance(questions: TestPlan, frame: Frame, reference: Reference) -> EvidentlyReport:
    """The same answers without Evidently, without a report, in a tenth of the time: for weeks of simulated windows."""
    return EvidentlyReport(*answer(questions, reference))


def evaluate(questions: TestPlan, frame: Frame, reference: Reference) -> EvidentlyReport:
    """Evidently's answers; none, and no report, when nothing is asked."""
    if not questions.columns:
        return EvidentlyReport(*answer(questions, reference))
    snapshot = _run(questions, frame, reference)
    told = snapshot.dict()
    metrics = {metric["id"]: metric["value"] for metric in told["metrics"]}
    status: dict[tuple[str, str], bool] = {}
    values: dict[tuple[str, str], Any] = {}
    for test in told["tests"]:
        configuration = test["metric_config"]
        parameters = configuration["params"]
        key = (parameters["type"].rsplit(":", 1)[-1], parameters["column"])
        status[key] = test["status"].value == "SUCCESS"
        values[key] = metrics[configuration["metric_id"]]
    readings = tuple(
        DriftResult(question.column.name, _finite(values[key]), not status[key])
        for question in questions.columns
        for key in [("ValueDrift", question.column.name)]
    )
    return EvidentlyReport(
        readings, tuple(_test(check, questions, frame, values, status) for check in questions.checks), snapshot
    )


def _test(
    check: BoundTest,
    questions: TestPlan,
    frame: Frame,
    values: dict[tuple[str, str], Any],
    status: dict[tuple[str, str], bool],
) -> TestResult:
    key = _metric_of(check)
    value = values[key]
    if check.statistic is Statistic.MISSING:
        value = value["count"] / max(1, int(frame.applies[check.column.name].sum()))
    return TestResult(check.name, check.column.name, check.statistic.value, status[key], float(value), check.bound)


def _metric_of(check: BoundTest) -> tuple[str, str]:
    name = check.column.name
    return {
        Statistic.P95: ("QuantileValue", name),
        Statistic.SUCCESS: ("MeanValue", SUCCESS),
        Statistic.MISSING: ("MissingValueCount", name + REPORTED),
        Statistic.CONSTANT: ("StdValue", name),
    }[check.statistic]


def _finite(value: Any) -> float:
    """Two equal distributions have the distance 0, and scipy takes the root of a hair below it: not a number."""
    number = float(value)
    return number if np.isfinite(number) else 0.0


def _run(questions: TestPlan, frame: Frame, reference: Reference) -> Any:
    _register()
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import MeanValue, MissingValueCount, QuantileValue, StdValue, ValueDrift
    from evidently.tests import gt, gte, lt, lte

    metrics: list[Any] = [
        ValueDrift(column=q.column.name, method=q.threshold.method.value, threshold=q.threshold.value)
        for q in questions.columns
    ]
    for check in questions.checks:
        name = check.column.name
        match check.statistic:
            case Statistic.P95:
                metrics.append(QuantileValue(column=name, quantile=0.95, tests=[lt(check.bound)]))
            case Statistic.SUCCESS:
                metrics.append(MeanValue(column=SUCCESS, tests=[gte(check.bound)]))
            case Statistic.MISSING:
                most = int(check.bound * int(frame.applies[name].sum()))
                metrics.append(MissingValueCount(column=name + REPORTED, tests=[lte(most)]))
            case Statistic.CONSTANT:
                metrics.append(StdValue(column=name, tests=[gt(check.bound)]))
    current, before = _tables(questions, frame, reference)
    categories = [question.column.name for question in questions.columns if question.column.kind is ValueKind.CATEGORY]
    definition = DataDefinition(
        numerical_columns=[name for name in current.columns if name not in categories], categorical_columns=categories
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of libraries beneath, about each other
        return Report(metrics, include_tests=True).run(
            Dataset.from_pandas(current, data_definition=definition),
            Dataset.from_pandas(before, data_definition=definition),
        )


def _tables(questions: TestPlan, frame: Frame, reference: Reference) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The window and the reference, as Evidently is shown them: each column's values, then nothing."""
    current: dict[str, Values] = {question.column.name: question.values for question in questions.columns}
    before: dict[str, Values] = {
        question.column.name: reference.values(question.column) for question in questions.columns
    }
    numbers: tuple[dict[str, Floats], dict[str, Floats]] = ({}, {})
    for check in questions.checks:
        if check.statistic is Statistic.SUCCESS:
            for side, of in zip(numbers, (current, before), strict=True):
                side[SUCCESS] = (of[check.column.name] == check.column.sound).astype(np.float64)
        if check.statistic is Statistic.MISSING:
            numbers[0][check.column.name + REPORTED] = flags(frame, check.column)
    made = []
    for columns, more in zip((current, before), numbers, strict=True):
        rows = max(len(values) for values in [*columns.values(), *more.values()])
        padded = table({name: _padded(values, rows) for name, values in columns.items()})
        for name, values in more.items():
            filler = 1.0 if name.endswith(REPORTED) else np.nan  # more rows must not count as missing
            padded[name] = np.concatenate((values, np.full(rows - len(values), filler)))
        made.append(padded)
    for name in numbers[0]:
        if name not in made[1]:
            made[1][name] = 1.0
    return made[0], made[1]


def _padded(values: Values, rows: int) -> Values:
    nothing = np.nan if values.dtype.kind == "f" else ""
    return np.concatenate((values, np.full(rows - len(values), nothing, dtype=values.dtype)))


@cache
def _register() -> None:
    """Makes our method of cold references known to Evidently."""
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
