"""The table as Markdown: written between two marks of a document, row by row."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tests.faults.book import Ending
from tests.faults.fault import FAULTS
from tests.faults.trial import Row

BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEAD = (
    "| Fault | What is promised | Sent | ok | Refused | Failed | Unanswered | Lost: events, counts, traces "
    "| First answer, s | Back, s | /health, ms | Kept |\n| " + " | ".join(["---"] * 12) + " |"
)


def line(row: Row) -> str:
    """The row, as one line of the table."""
    counts = row.book.counts()
    balance = row.balance
    assert balance is not None
    lost = ", ".join(
        "-" if number is None else str(number) for number in (balance.events, balance.counts, balance.traces)
    )
    verdict = "yes" if not row.broken else "no: " + "; ".join(row.broken)
    cells = [
        row.fault.title,
        row.fault.promise,
        str(len(row.book.entries)),
        *(str(counts[ending]) for ending in Ending),
        lost,
        _seconds(row.first_answer),
        _seconds(row.mended),
        "-" if row.health is None else f"{row.health * 1000:.0f}",
        ". ".join([verdict, *row.notes]),
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def write(path: Path, rows: Iterable[Row], about: str) -> None:
    """Replaces these rows in the document; those of other faults stay as they are. Raises ValueError without marks."""
    text = path.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ValueError(f"{path} has no {BEGIN} and {END}")
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    lines = {match[1]: match[0] for match in re.finditer(r"^\| (.+?) \|.*$", old, re.MULTILINE)}
    lines |= {row.fault.title: line(row) for row in rows}
    known = [lines[fault.title] for fault in FAULTS.values() if fault.title in lines]
    path.write_text("\n".join([before + BEGIN, about, "", HEAD, *known, END + after]), encoding="utf-8")


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"
