"""The structure of a text: blocks such as headings and list items, and how long the silence between two of them is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from server.pauses import Pauses


class BlockKind(StrEnum):
    """What a block is."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    ITEM = "item"
    """A list's item, a line of code or verse, or the last cell of a table's row."""
    CELL = "cell"
    """A table's cell that another one of its row follows."""


class Fragment(NamedTuple):
    """A range of the source, from ``start`` up to, not including, ``stop``, that is spoken."""

    start: int
    stop: int
    text: str | None = None
    """The text that the range stands for, such as "&" for "&amp;"; None if it is the range itself."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a text that is read by itself, with a pause before the next one.

    Its text is that of its fragments joined: what lies between them is markup.
    """

    kind: BlockKind
    fragments: tuple[Fragment, ...]

    def raw(self, source: str) -> str:
        """Returns its text, with spaces as they are in the source."""
        return "".join(source[start:stop] if text is None else text for start, stop, text in self.fragments)


def pause_between(block: Block, following: Block, pauses: Pauses) -> float:
    """Returns the seconds of silence between two blocks at speed 1: a paragraph pauses as an item does before a list
    or a table."""
    match block.kind:
        case BlockKind.HEADING:
            return pauses.heading
        case BlockKind.CELL:
            return pauses.cell
    return pauses.item if following.kind in (BlockKind.ITEM, BlockKind.CELL) else pauses.paragraph
