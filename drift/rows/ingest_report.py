"""The report of an ingest: how much came in, and all that was wrong with it, each under a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class IngestReport:
    """The counts of one ingest. What does not become a row is in exactly one of them, so nothing is lost silently."""

    files: int = 0
    """Files that were looked into."""
    bytes: int = 0
    """Bytes of new, whole lines that were read."""
    lines: int = 0
    """New, whole lines, blank ones aside."""
    rows: int = 0
    """Rows that were stored."""
    late: int = 0
    """Stored rows of a window that was judged already."""
    future: int = 0
    """Stored rows of a time that has not come; they wait for their window."""

    torn: int = 0
    """Lines, or beginnings of lines, that are not JSON."""
    oversized: int = 0
    """Lines too long to be read."""
    empty: int = 0
    """Lines that are JSON but hold no log record."""
    repaired: int = 0
    """Lines that are not valid OTLP, yet were read; what is wrong in them is counted besides."""
    malformed: int = 0
    """List entries that are not records."""
    foreign: int = 0
    """Records of other events."""
    ancient: int = 0
    """Events from before this program existed, 1970 above all; they are left out."""
    timeless: int = 0
    """Events without a time, or with an absurd one; they are left out."""
    nameless: int = 0
    """Events without an id, or with an absurd one; they are stored under an id made of their content."""
    wrong: Counter[str] = field(default_factory=Counter)
    """By field: values of another type, or not finite, or absurdly large or long; they are stored as null."""

    waiting: int = 0
    """Bytes at the ends of files after their last whole line; they are read when the line is whole."""
    restarted: int = 0
    """Files with a known first line whose rest has changed; they are read from their beginning."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Files and folders that could not be read, and why."""
    ledger_lost: bool = False
    """Whether the offsets were damaged: everything is read anew then, and copies are left out by their ids."""

    def problems(self) -> dict[str, int]:
        """Returns the counts of what is not as it should be, by name, without zeros."""
        counts: dict[str, int] = {}
        for name in (each.name for each in fields(self)):
            value = getattr(self, name)
            if name in ("files", "bytes", "lines", "rows", "waiting"):
                continue
            if name == "wrong":
                counts |= {f"wrong {of}": count for of, count in sorted(value.items())}
            else:
                counts[name] = len(value) if isinstance(value, Mapping) else int(value)
        return {name: count for name, count in counts.items() if count}
