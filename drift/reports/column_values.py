"""The values of columns in the reference and in a window, for charts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from drift.columns.column import ValueKind
from drift.columns.columns import BY_NAME
from drift.columns.frame import prepare
from drift.reference.reference import Reference


@dataclass(frozen=True, slots=True)
class ColumnValues:
    """One column's values: either the compared numbers, or shares of categories."""

    before: tuple[float, ...] = ()
    after: tuple[float, ...] = ()
    shares_before: Mapping[str, float] = field(default_factory=dict)
    shares_after: Mapping[str, float] = field(default_factory=dict)


def column_values(
    rows: pd.DataFrame, reference: Reference, columns: Iterable[str], start: datetime, end: datetime
) -> dict[str, ColumnValues]:
    """Returns the values of those ``columns`` that have values in both ``reference`` and ``rows``."""
    reference = reference.at(start)
    frame = reference.lengths.judged(prepare(rows, start, end))
    values: dict[str, ColumnValues] = {}
    for name in columns:
        column = BY_NAME[name]
        before, after = reference.values(column), frame.values[name][frame.present(column)]
        if not len(before) or not len(after):
            continue
        if column.kind is ValueKind.NUMBER:
            values[name] = ColumnValues(tuple(map(float, before)), tuple(map(float, after)))
        else:
            values[name] = ColumnValues(shares_before=_shares(before), shares_after=_shares(after))
    return values


def _shares(values: Iterable[str]) -> dict[str, float]:
    counts = Counter(values)
    return {name: count / counts.total() for name, count in counts.items()}
