"""What an intake found: how much came in, and all that was wrong with it, each under a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, fields


@dataclass(slots=True)
class IngestReport:
    """Counts of one intake. Whatever does not become a row is in exactly one of them, so nothing is lost silently."""

    files: int = 0
    """That were looked into."""
    bytes: int = 0
    """That were read of their new, whole lines."""
    lines: int = 0
    """Whole lines that were new, blank ones aside."""
    rows: int = 0
    """That were stored."""
    late: int = 0
    """Of them: rows of a window that was judged already."""
    future: int = 0
    """Of them: rows of a time that has not come; they wait for their window."""

    torn: int = 0
    """Lines, or beginnings of lines, that are no JSON."""
    oversized: int = 0
    """Lines too long to be read."""
    empty: int = 0
    """Lines that are JSON but hold no log record."""
    repaired: int = 0
    """Lines that are not what OTLP prescribes, yet were read; what was wrong in them is counted besides."""
    malformed: int = 0
    """Records that are no records."""
    foreign: int = 0
    """Records of other events."""
    ancient: int = 0
    """Events of a time before there was this program, 1970 above all: left out."""
    timeless: int = 0
    """Events without a time, or of one that is absurd: left out."""
    nameless: int = 0
    """Events without an id, or with an absurd one: they get one made of their content, and are stored."""
    wrong: Counter[str] = field(default_factory=Counter)
    """By field: values of another type, or not finite, or absurdly large or long; stored as null."""

    waiting: int = 0
    """Bytes at the ends of files after their last whole line; read when the line is whole."""
    restarted: int = 0
    """Files whose first line is known but whose rest is another than what was read: read from their beginning."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Files and folders that could not be read, and why."""
    ledger_lost: bool = False
    """The account of what had been read is damaged: everything is read anew, and copies are left out by their ids."""

    def problems(self) -> dict[str, int]:
        """Whatever is not as it should be, by name, without what did not occur."""
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
