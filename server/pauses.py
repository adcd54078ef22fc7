"""The pauses between the parts of a text that has structure, such as paragraphs and list items."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds of silence after a part of a text, at speed 1."""

    paragraph: float = 0.6
    heading: float = 0.6
    item: float = 0.3
    """After an item of a list, a line of code or verse, and a row of a table."""
    cell: float = 0.25
    """After a cell that is not the last of its row."""


DEFAULT_PAUSES = Pauses()
