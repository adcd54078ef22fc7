"""The structure of Markdown: its blocks, and the ranges of the source that are spoken.

markdown-it-py finds the markup, by CommonMark 0.31 with tables and strikethrough. It says in which lines of the source
a block is; where a token is in the text of its block, server.text.markdown_tokens adds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from markdown_it.token import Token

from server.errors import InvalidMarkup
from server.text.blocks import Block, BlockKind, Fragment
from server.text.markdown_tokens import AT, DEPTH, parse

HTML = re.compile(r"<!--.*?(?:-->|\Z)|<(script|style)\b.*?(?:</\1\s*>|\Z)|<[^<>]*(?:>|\Z)", re.DOTALL | re.IGNORECASE)
"""Matches what is not text in a block of HTML: a comment, a script, a tag."""
LINE_BREAK = re.compile(r"</?(?:br|p|div|li|tr|td|th|hr|h[1-6])\b", re.IGNORECASE)
CODE, HTML_WORD = re.compile(r"\S(?:.*\S)?"), re.compile(r"\S+")
"""Match what is spoken of a line: all of it, and each word between tags."""
BLOCK_KINDS = {"heading": BlockKind.HEADING, "th": BlockKind.CELL, "td": BlockKind.CELL, "list_item": BlockKind.ITEM}
TASK = re.compile(r"\[[ xX]\]\s")
"""Matches the box at the beginning of a list's item."""


def read(source: str) -> list[Block]:
    """Returns the blocks of a Markdown text whose lines end with a line feed. Takes linear time.

    Raises InvalidMarkup for blocks that are nested too deep: the parser would drop what is in them.
    """
    tokens = parse(source)
    if any(token.level >= DEPTH - 1 for token in tokens):
        raise InvalidMarkup(f"Markdown: lists and quotes may be nested {DEPTH // 2} deep at most", param="text")
    reader = _Reader(source)
    for token in tokens:
        reader.add(token)
    return reader.blocks


class _Origin:
    """Says where the characters of a block's content are in the source."""

    def __init__(self) -> None:
        self._contents: list[int] = []
        self._sources: list[int] = []

    def note(self, content: int, source: int) -> None:
        """Notes that from the position ``content`` on, the characters are those from ``source`` on."""
        self._contents.append(content)
        self._sources.append(source)

    def ranges(self, start: int, stop: int) -> Iterator[tuple[int, int]]:
        """Yields the ranges of the source of the content from ``start`` to ``stop``."""
        number = max(0, bisect_right(self._contents, start) - 1)
        while start < stop and number < len(self._contents):
            following = self._contents[number + 1] if number + 1 < len(self._contents) else stop
            end = min(stop, max(start, following))
            shift = self._sources[number] - self._contents[number]
            if start < end:
                yield max(0, start + shift), end + shift
            start, number = end, number + 1


class _Reader:
    """Makes blocks of the tokens, in their order."""

    def __init__(self, source: str) -> None:
        self.blocks: list[Block] = []
        self._source = source
        self._lines = source.split("\n")
        self._starts = [0, *accumulate(len(line) + 1 for line in self._lines)]
        self._open: list[str] = []
        """The containers of the current token, from the outermost."""
        self._number: Fragment | None = None
        """The number of a list's item, until the item's first block comes."""
        self._number_end = 0
        """Where the last number ends in the source."""
        self._row: tuple[int, int] = (0, 0)
        """The number of blocks before the current row of a table, and the row's line."""
        self._cell = 0
        """Where the next cell begins in the source, or before that."""

    def add(self, token: Token) -> None:
        """Adds a token of the block level."""
        if token.nesting == 1:
            self._open.append(token.type.removesuffix("_open"))
            self._enter(token)
        elif token.nesting == -1:
            self._open.pop()
            if token.type == "tr_close":
                self._end_row()
            elif token.type == "list_item_close":
                self._flush_number()
        elif token.type == "inline":
            self._add_text(token)
        elif token.type in ("fence", "code_block"):
            self._add_lines(token, token.content, CODE)
        elif token.type == "html_block":
            text = HTML.sub(lambda markup: re.sub(r"[^\n]", " ", markup[0]), token.content)
            self._add_lines(token, text, HTML_WORD)

    def _enter(self, token: Token) -> None:
        line = token.map[0] if token.map else 0
        if token.type == "list_item_open":
            self._flush_number()
            if token.info:
                self._find_number(token.info + token.markup, line)
        elif token.type == "tr_open":
            self._row = len(self.blocks), line
            row = self._lines[line].lstrip(" \t>")
            self._cell = self._starts[line + 1] - 1 - len(row) + row.startswith("|")

    def _end_row(self) -> None:
        """Adds the cells that have no column, which the parser drops, and marks the row's last cell."""
        before, line = self._row
        position = self._cell
        for cell in self._source[position : self._starts[line + 1] - 1].split("|"):
            self._append(BlockKind.CELL, [Fragment(position, position + len(cell))])
            position += len(cell) + 1
        if len(self.blocks) > before:
            self.blocks[-1] = replace(self.blocks[-1], kind=BlockKind.ITEM)

    def _add_text(self, token: Token) -> None:
        kinds = (BLOCK_KINDS[container] for container in reversed(self._open) if container in BLOCK_KINDS)
        kind = next(kinds, BlockKind.PARAGRAPH)
        origin = self._cell_origin(token) if kind is BlockKind.CELL else self._origin(token)
        box = TASK.match(token.content) if self._open[-2:] == ["list_item", "paragraph"] else None
        fragments = []
        for start, stop, text in _pieces(token.children or (), token.content, 0):
            begin = max(start, box.end() if box else 0)
            ranges = list(origin.ranges(begin, stop))
            if text is None:
                fragments += [Fragment(*each) for each in ranges]
            elif ranges:
                fragments.append(Fragment(ranges[0][0], ranges[-1][1], text))
        self._append(kind, fragments)

    def _add_lines(self, token: Token, content: str, pattern: re.Pattern[str]) -> None:
        """Adds a block for each line of ``content``; ``pattern`` matches what is spoken of it."""
        origin, position = self._origin(token), 0
        for line in content.split("\n"):
            fragments = []
            for match in pattern.finditer(line):
                for start, stop in origin.ranges(position + match.start(), position + match.end()):
                    fragments += [Fragment(start, start, " "), Fragment(start, stop)]
            self._append(BlockKind.ITEM, fragments)
            position += len(line) + 1

    def _append(self, kind: BlockKind, fragments: Sequence[Fragment]) -> None:
        block = Block(kind, tuple(fragments))
        if not block.raw(self._source).strip():
            return
        if self._number is not None:
            end = self._number.stop
            block = Block(kind, (self._number, Fragment(end, end, " "), *fragments))
            self._number = None
        self.blocks.append(block)

    def _find_number(self, number: str, line: int) -> None:
        start = self._source.find(number, max(self._starts[line], self._number_end))
        self._number_end = start + len(number)
        self._number = Fragment(start, self._number_end)

    def _flush_number(self) -> None:
        """Adds the number of an item that has no text."""
        if self._number is not None:
            number, self._number = self._number, None
            self._append(BlockKind.ITEM, [number])

    def _origin(self, token: Token) -> _Origin:
        """Returns the origin of a block's content, whose lines are the ends of the source's."""
        origin, position = _Origin(), 0
        first = (token.map[0] if token.map else 0) + (token.type == "fence")
        for number, line in enumerate(token.content.split("\n"), first):
            text = line.strip()
            if text and number < len(self._lines):
                indent = len(line) - len(line.lstrip())
                origin.note(position, self._starts[number] + self._lines[number].rfind(text) - indent)
            position += len(line) + 1
        return origin

    def _cell_origin(self, token: Token) -> _Origin:
        """Returns the origin of a cell's content, in which the escaped pipes of the source are bare."""
        origin, end = _Origin(), self._starts[self._row[1] + 1] - 1
        written = token.content.replace("|", "\\|")
        start = max(self._cell, self._source.find(written, self._cell, end))
        origin.note(0, start)
        for escapes, pipe in enumerate(re.finditer(r"\|", token.content), 1):
            origin.note(pipe.start(), start + pipe.start() + escapes)
        pipe_at = self._source.find("|", start + len(written), end)
        self._cell = end if pipe_at < 0 else pipe_at + 1
        return origin


def _pieces(tokens: Sequence[Token], content: str, base: int) -> Iterator[tuple[int, int, str | None]]:
    """Yields the ranges of a block's content that are spoken, and the texts that they stand for, as in Fragment.

    The tokens' positions count from ``base``.
    """
    address = False
    for token in tokens:
        start = base + token.meta.get(AT, 0)
        match token.type:
            case "text" if address:  # <https://example.com>
                yield start + 1, content.index(">", start), None
            case "text":
                yield start, start + len(token.content), None
            case "text_special":  # an escape or an entity
                yield start, start + len(token.markup), token.content
            case "code_inline":
                start += len(token.markup)
                start += content[start : start + len(token.content)].replace("\n", " ") != token.content
                yield start, start + len(token.content), None
            case "softbreak" | "hardbreak":
                yield start, start + 1, " "
            case "html_inline" if LINE_BREAK.match(token.content):
                yield start, start + len(token.content), " "
            case "image":
                yield from _pieces(token.children or (), content, start + 2)
        address = token.type == "link_open" and token.info == "auto"
