"""Selections of requests for ``compare``: ``build:abc``, ``voice:joe`` or ``2026-11-20/2026-11-21``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pandas as pd

FIELDS = ("build", "voice", "provider", "language", "cache", "voice_checksum", "word_range", "endpoint")


class SelectionError(ValueError):
    """The text is not a selection; the message gives the expected form."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The requests of a period, with certain values, or both."""

    text: str
    """The selection as it was written."""
    start: datetime | None = None
    end: datetime | None = None
    values: dict[str, str] = field(default_factory=dict)

    def of(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Returns the selected ones of ``rows``; a period is limited to that of the rows."""
        chosen = pd.Series(data=True, index=rows.index)
        for name, value in self.values.items():
            chosen &= rows[name].astype("string").fillna("") == value
        if self.start is not None:
            chosen &= rows["time"] >= pd.Timestamp(self.start)
        if self.end is not None:
            chosen &= rows["time"] < pd.Timestamp(self.end)
        return rows[chosen]


def selection(text: str) -> Selection:
    """Parses parts separated by commas: FIELD:VALUE, or FROM/TO. Raises SelectionError."""
    start = end = None
    values: dict[str, str] = {}
    for part in text.split(","):
        name, colon, value = part.partition(":")
        if colon and name in FIELDS and value:
            values[name] = value
        elif "/" in part:
            first, _, last = part.partition("/")
            start, end = moment(first), moment(last)
            if start >= end:
                raise SelectionError(f"{part}: ends before it begins")
        else:
            raise SelectionError(f"{part!r}: must be FROM/TO, or VALUE behind one of {', '.join(FIELDS)} and a colon")
    return Selection(text, start, end, values)


def moment(text: str) -> datetime:
    """Parses a date or time by ISO 8601; without a zone it is UTC. Raises SelectionError."""
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SelectionError(f"{text!r}: must be a date or time, as 2026-11-24 or 2026-11-24T14:00Z") from None
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
