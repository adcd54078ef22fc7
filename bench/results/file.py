"""The file bench/RESULTS.md: each command owns one section, so that each can be measured again alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

FOLDER = Path(__file__).parent.parent
RESULTS = FOLDER / "RESULTS.md"
TITLE = """# Results

Written by `make bench` and the other commands of `bench/`, each its own section.
Servers are measured over HTTP on the loopback interface, clients and servers on the same cores. Time to first audio is
the time from sending a request to the first byte after the WAV header. ttscope runs without its cache: a text that was
spoken before is made again.
"""
Section = Literal[
    "servers",
    "growth",
    "overload",
    "drift",
    "histograms",
    "routing",
    "reports",
    "storage",
    "simulation",
    "scale",
    "units",
    "ray",
    "prediction",
    "rooms",
    "sockets",
    "verification",
]
END = "<!-- end "
SECTIONS: tuple[Section, ...] = get_args(Section)


@dataclass(frozen=True, slots=True)
class Promise:
    """A bound on a figure."""

    text: str
    measured: float
    unit: str
    at_least: float | None = None
    at_most: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure is within its bound; a figure that could not be measured is not."""
        low = self.at_least is None or self.measured >= self.at_least
        high = self.at_most is None or self.measured <= self.at_most
        return low and high and not math.isnan(self.measured)

    def row(self) -> tuple[str, str, str, str]:
        """Returns text, bound, figure and verdict."""
        lower = f"at least {number(self.at_least)}{self.unit}" if self.at_least is not None else ""
        upper = f"at most {number(self.at_most)}{self.unit}" if self.at_most is not None else ""
        verdict = "kept" if self.is_met else "**missed**"
        measured = number(self.measured) + ("" if math.isnan(self.measured) else self.unit)
        return self.text, lower or upper, measured, verdict


def promise_table(rows: Sequence[Promise]) -> str:
    """Returns a table of promises."""
    return table(("promise", "bound", "measured", ""), [row.row() for row in rows])


def number(value: float) -> str:
    """Returns a value with three significant digits, whole from 100 on; a dash for NaN."""
    if math.isnan(value):
        return "-"
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Returns a Markdown table: the first column is aligned to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    widths = [max(3, width) for width in widths]

    def line(cells: Sequence[str]) -> str:
        first, *other_cells = zip(cells, widths, strict=True)
        return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in other_cells)]) + " |"

    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([line(head), rule, *(line(row) for row in rows)])


def write_section(section: Section, body: str, path: Path = RESULTS) -> None:
    """Replaces a section of the file, which is created when missing; the other sections stay unchanged."""
    document = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(with_section(document, section, body), encoding="utf-8")


def with_section(document: str, section: Section, body: str) -> str:
    """Returns the document with this section's body; sections keep their order, and what follows them stays."""
    bodies = {name: body_of(document, name) for name in SECTIONS} | {section: body.strip()}
    parts = [f"{begin(name)}\n{text}\n{end(name)}\n" for name, text in bodies.items() if text]
    _, _, last = document.rpartition(END)
    by_hand = last.partition("-->")[2].strip()
    return "\n".join([TITLE, *parts, *([f"{by_hand}\n"] if by_hand else [])])


def body_of(document: str, section: Section) -> str:
    """Returns the body of a section; empty when the section is missing."""
    _, _, text = document.partition(begin(section))
    body, end_line, _ = text.partition(end(section))
    return body.strip() if end_line else ""


def begin(section: Section) -> str:
    """Returns the line before a section."""
    return f"<!-- begin {section} -->"


def end(section: Section) -> str:
    """Returns the line after a section."""
    return f"{END}{section} -->"
