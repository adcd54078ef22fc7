"""The table of panels in README.md, generated from the panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dashboards.boards import BOARDS

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- panels -->", "<!-- /panels -->"
"""The markers around the table."""


def with_table(text: str) -> str:
    """Returns the page with the current table. Raises ValueError if the page has no markers."""
    before, begin, remainder = text.partition(BEGIN)
    _, end, after = remainder.partition(END)
    if not begin or not end:
        raise ValueError(f"{README.name} has no {BEGIN} and {END}")
    return before + begin + "\n" + "\n".join(table()) + "\n" + end + after


def table() -> Iterator[str]:
    """Yields a line for each panel: its board, title, name and kind, and when it may be empty."""
    yield "| board | panel | name | kind | may be empty because |"
    yield "| --- | --- | --- | --- | --- |"
    for board in BOARDS:
        for panel in board.panels:
            yield f"| {board.title} | {panel.title} | `{panel.name}` | {panel.kind} | {panel.empty} |"
