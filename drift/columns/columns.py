"""All columns in the order in which they are reported, and the dimensions that a change of one may concentrate on."""

from __future__ import annotations

from drift.columns.audio import AUDIO
from drift.columns.column import Column, ValueKind
from drift.columns.service import SERVICE
from drift.columns.traffic import TRAFFIC

COLUMNS: tuple[Column, ...] = (*TRAFFIC, *SERVICE, *AUDIO)
BY_NAME: dict[str, Column] = {column.name: column for column in COLUMNS}
NUMBERS = tuple(column for column in COLUMNS if column.kind is ValueKind.NUMBER)
CATEGORIES = tuple(column for column in COLUMNS if column.kind is ValueKind.CATEGORY)

DIMENSIONS = {
    "voice": "voice {}",
    "word_range": "{} words",
    "provider": "provider {}",
    "language": "language {}",
    "cache": "cache {}",
    "streamed": "{}",
    "endpoint": "{}",
    "build": "build {}",
    "error_type": "error {}",
}
"""The fields of a row that a change may concentrate on, and the wording of a value of each."""


def dimensions_of(column: Column) -> list[str]:
    """Returns the dimensions that a change of ``column`` may concentrate on."""
    return [name for name in DIMENSIONS if name not in column.tautologies and (name != "error_type" or column.failure)]
