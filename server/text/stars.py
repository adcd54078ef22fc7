"""Emphasis in plain text: stars and backticks in pairs around words, which are markup and not spoken."""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.text.blocks import Fragment

_RUN = re.compile(r"(?<!\*)\*{1,3}(?!\*)|(?<!`)`{1,3}(?!`)")
UNSPACED = "\u2e80"
"""The first character of the writing systems that put no spaces between words (Han, kana, Hangul follow it)."""


def fragments(source: str, start: int, stop: int) -> tuple[Fragment, ...]:
    """Returns the fragments of a block of plain text from ``start`` to ``stop``: all but its markup. Linear time."""
    if source.find("*", start, stop) < 0 and source.find("`", start, stop) < 0:
        return (Fragment(start, stop),)
    position, pieces = start, []
    for mark, end in sorted(_pairs(source, start, stop)):
        if position < mark:
            pieces.append(Fragment(position, mark))
        position = end
    if position < stop:
        pieces.append(Fragment(position, stop))
    return tuple(pieces)


def _pairs(source: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """Yields the ranges of the marks that have a partner: the same mark, on the other side of words."""
    opened: dict[str, tuple[int, int]] = {}
    for run in _RUN.finditer(source, start, stop):
        before = source[run.start() - 1] if run.start() > start else " "
        after = source[run.end()] if run.end() < stop else " "
        partner = opened.get(run[0])
        if partner is not None and not before.isspace() and not _in_word(after):
            yield partner
            yield run.span()
            opened = {mark: span for mark, span in opened.items() if span < partner}
        elif not after.isspace() and not _in_word(before):
            opened[run[0]] = run.span()


def _in_word(character: str) -> bool:
    return character.isalnum() and character < UNSPACED
