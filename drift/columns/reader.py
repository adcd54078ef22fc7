"""Reads fields of untrusted rows: any value becomes text, a number, or a named problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from otel.contract.drift_verdict import Problem, ProblemKind

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Words = npt.NDArray[np.object_]
Values = npt.NDArray[Any]
"""A number's values are floats, with NaN for none; a category's are text, with "" for none."""

NOTHING = ""
LONGEST = 100
"""The maximum number of characters of a category's value; the server writes shorter ones, so a longer one is
damaged."""


@dataclass(slots=True)
class FieldReader:
    """Reads fields of rows and records their problems."""

    source: pd.DataFrame
    _problems: list[Problem] = field(default_factory=list)
    _known: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = self.source.loc[:, ~self.source.columns.duplicated()]

    @property
    def rows(self) -> int:
        return len(self.source)

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)

    @property
    def times(self) -> npt.NDArray[np.int64]:
        """The rows' times in microseconds since the epoch; the smallest int64 where there is none."""
        if "time" not in self.source.columns:
            return np.full(self.rows, np.iinfo(np.int64).min)
        given = self.source["time"]
        if getattr(given.dtype, "kind", "O") != "M":  # text and numbers are rejected, not guessed to be times
            given = pd.Series([value if isinstance(value, datetime) else None for value in given], dtype=object)
        times = pd.to_datetime(given, errors="coerce", utc=True)
        return np.asarray(times.astype("datetime64[us, UTC]").astype("int64").to_numpy(), dtype=np.int64)

    def keep_window(self, start: datetime | None, end: datetime | None) -> None:
        if "time" not in self.source.columns:
            self._note(ProblemKind.MISSING_COLUMN, "time", self.rows)
            return
        if start is None or end is None:
            return
        times = self.times
        inside = (times >= _micros(start)) & (times < _micros(end))
        if not inside.all():
            self._note(ProblemKind.OUTSIDE_WINDOW, "time", int((~inside).sum()))
            self.source = self.source.loc[inside]

    def drop_duplicates(self) -> None:
        """Keeps one of the rows with equal id and time; a caller may reuse an id, but not at the same instant."""
        ids = self.text("request_id")
        self._known.clear()
        again = pd.DataFrame({"id": ids, "time": self.times}).duplicated().to_numpy() & (ids != NOTHING)
        if again.any():
            self._note(ProblemKind.DUPLICATE, "request_id", int(again.sum()))
            self.source = self.source.loc[~again]

    def text(self, name: str) -> Words:
        """Returns the field as text, "" where there is none."""
        if name not in self._known:
            if name in self.source.columns:
                self._known[name] = texts(self.source[name])
            else:
                self._note(ProblemKind.MISSING_COLUMN, name, self.rows)
                self._known[name] = np.full(self.rows, NOTHING, dtype=object)
        known: Words = self._known[name]
        return known

    def flag(self, name: str) -> Words:
        """Returns a boolean field as "stream" or "whole", "" where there is none."""
        forms = {"True": "stream", "False": "whole"}
        return np.asarray([forms.get(value, NOTHING) for value in self.text(name)], dtype=object)

    def number(self, name: str, least: float, most: float) -> Floats:
        """Returns the field as floats, NaN where there is none or it is not from ``least`` to ``most``."""
        if name not in self.source.columns:
            self._note(ProblemKind.MISSING_COLUMN, name, self.rows)
            return np.full(self.rows, np.nan)
        series = self.source[name]
        if getattr(series.dtype, "kind", "O") in "iufb":
            numbers = series.to_numpy(dtype=np.float64, na_value=np.nan)
        else:
            given = series.to_numpy(dtype=object, na_value=None)
            numbers = np.asarray([_number(value) for value in given], dtype=np.float64)
            present = np.asarray([_text(value) != NOTHING for value in given], dtype=np.bool_)
            self._note(ProblemKind.NOT_A_NUMBER, name, int((np.isnan(numbers) & present).sum()))
        numbers = numbers.copy()
        infinite = np.isinf(numbers)
        self._note(ProblemKind.NOT_FINITE, name, int(infinite.sum()))
        numbers[infinite] = np.nan
        outside = (numbers < least) | (numbers > most)
        self._note(ProblemKind.OUT_OF_RANGE, name, int(outside.sum()))
        numbers[outside] = np.nan
        return np.asarray(numbers, dtype=np.float64)

    def _note(self, kind: ProblemKind, name: str, count: int) -> None:
        if count:
            self._problems.append(Problem(kind, name, count))


def texts(series: pd.Series) -> Words:
    """Returns a field's values as text, "" where there is none."""
    if isinstance(series.dtype, pd.StringDtype):
        return shared(series.fillna(NOTHING).str.slice(0, LONGEST).to_numpy(dtype=object))
    return shared([_text(value) for value in series.to_numpy(dtype=object, na_value=None)])


def shared(values: Sequence[str]) -> Words:
    """Returns ``values`` with equal ones as one object; otherwise a week's 20 text fields would take a gigabyte."""
    known: dict[str, str] = {}
    return np.asarray([known.setdefault(value, value) for value in values], dtype=object)


def _text(value: object) -> str:
    if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return NOTHING
    return str(value)[:LONGEST]


def _number(value: object) -> float:
    if isinstance(value, (str, bytes)) or value is None:
        return math.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _micros(moment: datetime) -> int:
    return round((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6)
