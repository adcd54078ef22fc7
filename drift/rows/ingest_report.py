"""The report of an ingest: how much was read, and a count of each problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class IngestReport:
    """The counts of one ingest. Input that does not become a row is in exactly one of them, so no loss is silent."""

    files: int = 0
    """Files that were read."""
    bytes: int = 0
    """Bytes of new, complete lines that were read."""
    lines: int = 0
    """New, complete lines, except blank ones."""
    rows: int = 0
    """Rows that were stored."""
    machine_rows: int = 0
    """Rows of machines' time that were stored."""
    late: int = 0
    """Stored rows of a window that was already judged."""
    future: int = 0
    """Stored rows of a future time; they wait for their window."""

    torn: int = 0
    """Lines, or starts of lines, that are not JSON."""
    oversized: int = 0
    """Lines too long to be read."""
    empty: int = 0
    """Lines that are JSON but hold no log record."""
    repaired: int = 0
    """Lines that are not valid OTLP, yet were read; their problems are also counted separately."""
    malformed: int = 0
    """List entries that are not records."""
    foreign: int = 0
    """Records of other events."""
    ancient: int = 0
    """Events from before this program existed, mostly from 1970; they are dropped."""
    timeless: int = 0
    """Events without a time, or with an absurd one; they are dropped."""
    nameless: int = 0
    """Events without an id, or with an absurd one; they are stored under an id derived from their content."""
    wrong: Counter[str] = field(default_factory=Counter)
    """By field: values of another type, or not finite, or absurdly large or long; they are stored as null."""

    waiting: int = 0
    """Bytes at the ends of files after their last complete line; they are read when the line is complete."""
    restarted: int = 0
    """Files with a known first line whose rest has changed; they are read from the start."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Files and folders that could not be read, and the reasons."""
    ledger_lost: bool = False
    """Whether the offsets were damaged: then everything is read again, and copies are dropped by their ids."""

    def problems(self) -> dict[str, int]:
        """Returns the problems' counts by name, without zeros."""
        counts: dict[str, int] = {}
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if name in ("files", "bytes", "lines", "rows", "machine_rows", "waiting"):
                continue
            if name == "wrong":
                counts |= {f"wrong {of}": count for of, count in sorted(value.items())}
            else:
                counts[name] = len(value) if isinstance(value, Mapping) else int(value)
        return {name: count for name, count in counts.items() if count}
