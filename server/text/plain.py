"""The structure of plain text: paragraphs, headings, list items, rows of tables, and lines of a verse or an address."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from server.text import rulers
from server.text.blocks import Block, BlockKind
from server.text.emotions import MASK
from server.text.normalize import LETTER
from server.text.stars import fragments

SHORT = 40
"""The most characters of a line that ends by intention, not for lack of room."""
VERSE = 3
"""The least number of short lines in a row, each beginning with a capital or a digit, that are lines of their own."""
HEADING = re.compile(r"#{1,6}[ \t]+(?=\S)")
CLOSING = re.compile(r"[ \t]+#+\Z")
BULLET = re.compile(r"[-*\u00b7\u2013\u2014\u2022\u2023\u25aa\u25cb\u25cf\u25e6][ \t\u00a0]+(?:\[[ xX]\][ \t]+)?(?=\S)")
"""Matches the mark before a list's item, which is not spoken, with its box: "- [x] "."""
NUMBER = re.compile(
    r"(?:(?P<bare>\d{1,3}|[A-Za-z])\)|(?P<dotted>\d{1,3})\.|\((?:\d{1,3}|[A-Za-z])\))[ \t\u00a0]+(?=\S)"
)
"""Matches the number or letter of an item, which is spoken: 1. 1) a) (a)."""
FIRST = frozenset({"1", "a", "A"})
CONNECTING = frozenset(",;:-\u2013\u2014")
"""The marks at a line's end after which a sentence goes on."""
GRID = frozenset("|:+-=_ \t")
"""The characters of a line between the rows of a table."""


class Line(NamedTuple):
    """A line's range without the spaces and masks around it."""

    start: int
    stop: int
    indented: bool
    blank: bool
    """Whether there is nothing in it; a line with only an emotion tag is not blank."""

    @property
    def length(self) -> int:
        return self.stop - self.start


def read(source: str) -> list[Block]:
    """Returns the blocks of a plain text whose lines end with a line feed. Takes linear time."""
    reader = _Reader(source)
    lines = list(_lines(source))
    for before, line, after in zip([None, *lines], lines, [*lines[1:], None], strict=False):
        reader.add(line, [each for each in (before, after) if each is not None])
    reader.end()
    return reader.blocks


class _Reader:
    """Collects lines into blocks."""

    def __init__(self, source: str) -> None:
        self.blocks: list[Block] = []
        self._source = source
        self._kind = BlockKind.PARAGRAPH
        self._open: list[Line] = []
        """The lines of the block that may go on."""

    def add(self, line: Line, neighbours: Sequence[Line]) -> None:
        """Adds a line; ``neighbours`` are the ones before and after it."""
        text = self._source[line.start : line.stop]
        if line.blank:
            self.end()
        elif not text:  # only an emotion tag
            return
        elif _is_rule(text):
            self.end(underlined=True)
        elif heading := HEADING.match(text):
            self.end()
            closing = CLOSING.search(text)
            stop = line.start + closing.start() if closing else line.stop
            self._append(BlockKind.HEADING, line.start + heading.end(), stop)
        elif (begin := self._item(text, line)) is not None:
            self.end()
            self._kind = BlockKind.ITEM
            self._open.append(line._replace(start=begin))
        elif cells := _cells(self._source, line, neighbours):
            self.end()
            for start, stop in cells[:-1]:
                self._append(BlockKind.CELL, start, stop)
            self._append(BlockKind.ITEM, *cells[-1])
        else:
            if self._kind is BlockKind.ITEM and not (line.indented or text[0].islower()):
                self.end()
            self._open.append(line)

    def end(self, *, underlined: bool = False) -> None:
        """Ends the open block. A single line that is ``underlined`` is a heading."""
        lines, kind = self._open, self._kind
        self._open, self._kind = [], BlockKind.PARAGRAPH
        if not lines:
            return
        if kind is BlockKind.PARAGRAPH and underlined and len(lines) == 1:
            kind = BlockKind.HEADING
        if kind is BlockKind.PARAGRAPH and self._is_verse(lines):
            self._append_verse(lines)
        else:
            self._append(kind, lines[0].start, lines[-1].stop)

    def _append(self, kind: BlockKind, start: int, stop: int) -> None:
        self.blocks.append(Block(kind, fragments(self._source, start, stop)))

    def _item(self, text: str, line: Line) -> int | None:
        """Returns where the spoken text of a list's item begins; None if the line begins no item."""
        interrupts = bool(self._open) and self._kind is BlockKind.PARAGRAPH
        if bullet := BULLET.match(text):
            # A wrapped paragraph may have a dash at the beginning of a line, but then often a second one within it.
            if interrupts and self._open[-1].length > SHORT and f" {text[:2]}" in text[2:]:
                return None
            return line.start + bullet.end()
        number = NUMBER.match(text)
        if number is None or (interrupts and (number["bare"] or number["dotted"]) not in FIRST):
            return None
        return line.start

    def _is_verse(self, lines: Sequence[Line]) -> bool:
        return len(lines) >= VERSE and all(
            line.length <= SHORT and (self._source[line.start].isupper() or self._source[line.start].isdecimal())
            for line in lines
        )

    def _append_verse(self, lines: Sequence[Line]) -> None:
        """Appends a block for each line, or for several that commas connect."""
        first: Line | None = None
        for line in lines:
            first = first or line
            if line is lines[-1] or self._source[line.stop - 1] not in CONNECTING:
                self._append(BlockKind.ITEM, first.start, line.stop)
                first = None


def _lines(source: str) -> Iterator[Line]:
    position = 0
    for text in source.split("\n"):
        bare = text.replace(MASK, " ")
        start = position + len(bare) - len(bare.lstrip())
        stop = max(start, position + len(bare.rstrip()))
        yield Line(start, stop, indented=text[:1].isspace(), blank=not text.strip())
        position += len(text) + 1


def _is_rule(text: str) -> bool:
    """Whether a line is drawn: a ruler, or the line between a table's rows."""
    if LETTER.search(text):
        return False
    drawn = rulers.without(text)
    return (drawn != text or "--" in text) and GRID.issuperset(drawn)


def _cells(source: str, line: Line, neighbours: Sequence[Line]) -> list[tuple[int, int]]:
    """Returns the ranges of the cells of a table's row that are not empty; none if the line is not a row.

    A row is a line in pipes, or one with tabs or pipes between words beside another such line.
    """
    text = source[line.start : line.stop]
    if text.startswith("|") and text.endswith("|") and len(text) > 1:
        separator = "|"
    else:
        others = [source[each.start : each.stop] for each in neighbours]
        separators = (mark for mark in ("\t", " | ") if mark in text and any(mark in other for other in others))
        separator = next(separators, "")
        if not separator:
            return []
    cells, position = [], line.start
    for cell in text.split(separator):
        if cell.strip():
            cells.append((position, position + len(cell)))
        position += len(cell) + len(separator)
    return cells
