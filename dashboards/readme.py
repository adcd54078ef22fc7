"""The table of panels in README.md, made from the panels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dashboards.boards import BOARDS

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- panels -->", "<!-- /panels -->"
"""The table stands between these."""


def with_table(text: str) -> str:
    """The page with the table of now in it. ValueError if it has no place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{README.name} has no {BEGIN} and {END}")
    return before + begin + "\n" + "\n".join(table()) + "\n" + end + after


def table() -> Iterator[str]:
    """A line for each panel: where it is, what it shows, what it answers, when it may be empty."""
    yield "| board | panel | name | drawn as | asked for | may be empty, since |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for board in BOARDS:
        for panel in board.panels:
            asked = ", ".join(f"**{requirement}**" for requirement in panel.asked)
            yield f"| {board.title} | {panel.title} | `{panel.name}` | {panel.kind} | {asked} | {panel.empty} |"
