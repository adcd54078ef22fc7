"""Converts rows to columns: validated, so that no value breaks later steps, and scaled for comparison."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from drift.columns.column import Column, ValueKind
from drift.columns.columns import CATEGORIES, COLUMNS, DIMENSIONS, NUMBERS
from drift.columns.reader import NOTHING, FieldReader, Flags, Floats, Values, Words
from drift.columns.requests import Requests
from otel.contract.drift_verdict import Problem


@dataclass(frozen=True, slots=True)
class Frame:
    """Rows as columns; all arrays are ``rows`` long."""

    rows: int
    values: dict[str, Values]
    applies: dict[str, Flags]
    """By column: the rows that should have a value."""
    by: dict[str, Words]
    """By dimension: its value in each row."""
    length: Floats
    """Decimal logarithm of the characters to be spoken, at speed 1; NaN where there are none."""
    way: Words
    """How each request was answered: made, coalesced or hit, whole or stream."""
    times: npt.NDArray[np.int64]
    """Microseconds since the epoch."""
    problems: tuple[Problem, ...] = ()

    def take(self, places: npt.NDArray[np.int64]) -> Frame:
        """Returns the rows at ``places``, in that order."""
        return replace(
            self,
            rows=len(places),
            values={name: values[places] for name, values in self.values.items()},
            applies={name: flags[places] for name, flags in self.applies.items()},
            by={name: words[places] for name, words in self.by.items()},
            length=self.length[places],
            way=self.way[places],
            times=self.times[places],
        )

    def present(self, column: Column) -> Flags:
        """Returns the rows that have a value to judge."""
        return self.applies[column.name] & column.present(self.values[column.name])

    def missing_share(self, column: Column) -> float | None:
        """Returns the share without a value among the rows that should have one; None when there are no such rows."""
        applies = self.applies[column.name]
        count = int(applies.sum())
        return 1.0 - float(self.present(column).sum()) / count if count else None


def prepare(rows: pd.DataFrame, start: datetime | None = None, end: datetime | None = None) -> Frame:
    """Returns the columns of ``rows``; any value that can't be used is omitted and reported as a problem.

    ``start`` and ``end`` are the window's, if rows of other times are to be omitted.
    """
    reader = FieldReader(rows)
    reader.keep_window(start, end)
    reader.drop_duplicates()
    requests = Requests(reader)
    values = {column.name: column.derive(requests) for column in COLUMNS}
    applies = {column.name: column.applies(requests) for column in COLUMNS}
    length = requests.length()
    return Frame(
        rows=reader.rows,
        values=values,
        applies=applies,
        by={name: requests.text(name) for name in DIMENSIONS},
        length=length,
        way=requests.way(),
        times=reader.times,
        problems=reader.problems,
    )


def joined(frames: list[Frame]) -> Frame:
    """Returns one frame of several; there must be at least one."""
    return Frame(
        rows=sum(frame.rows for frame in frames),
        values={c.name: np.concatenate([frame.values[c.name] for frame in frames]) for c in COLUMNS},
        applies={c.name: np.concatenate([frame.applies[c.name] for frame in frames]) for c in COLUMNS},
        by={name: np.concatenate([frame.by[name] for frame in frames]) for name in DIMENSIONS},
        length=np.concatenate([frame.length for frame in frames]),
        way=np.concatenate([frame.way for frame in frames]),
        times=np.concatenate([frame.times for frame in frames]),
    )


def sample(rows: int, size: int) -> npt.NDArray[np.int64]:
    """Returns ``size`` of the indexes of ``rows``, ascending: random but reproducible; all if there are no more.

    The sample is random, not every n-th row, which could see only one of several callers that take turns.
    """
    if size >= rows:
        return np.arange(rows)
    return np.sort(np.random.default_rng((rows, size)).permutation(rows)[:size])


def table(values: Mapping[str, Values]) -> pd.DataFrame:
    """Returns columns in pandas' form: None where a category has no value."""
    series: dict[str, pd.Series] = {}
    for column in (*NUMBERS, *CATEGORIES):
        if column.name in values:
            given = pd.Series(values[column.name])
            series[column.name] = given if column.kind is ValueKind.NUMBER else given.where(given != NOTHING, None)
    return pd.DataFrame(series)
