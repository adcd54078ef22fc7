"""Markup within a line of plain text: stars and backticks in pairs around words, and phonemes behind a word.

The first are not spoken. ``[Worcester](/wʊstə/)`` is the word alone, marked with its phonemes (transcriptions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from server.text import ipa, transcriptions
from server.text.blocks import Fragment
from server.text.emotions import MASK
from server.text.normalize import LETTER

_RUN = re.compile(r"(?<!\*)\*{1,3}(?!\*)|(?<!`)`{1,3}(?!`)")
_TRANSCRIBED = re.compile(rf"\[([^\[\]\n{MASK}]{{1,64}})\]\(/([^/()\n{MASK}]{{1,200}})/\)")
LINK = "](/"
UNSPACED = "\u2e80"
"""The first character of the writing systems that put no spaces between words (Han, kana, Hangul follow it)."""


def fragments(source: str, start: int, stop: int) -> tuple[Fragment, ...]:
    """Returns the fragments of a block of plain text from ``start`` to ``stop``: all but its markup. Linear time."""
    transcribed = list(_transcribed(source, start, stop)) if source.find(LINK, start, stop) >= 0 else []
    if not transcribed and source.find("*", start, stop) < 0 and source.find("`", start, stop) < 0:
        return (Fragment(start, stop),)
    replaced = sorted([*(Fragment(*span, "") for span in _pairs(source, start, stop)), *transcribed])
    position, pieces = start, []
    for each in replaced:
        if each.start < position:  # a star inside a transcribed word
            continue
        if position < each.start:
            pieces.append(Fragment(position, each.start))
        if each.text:
            pieces.append(each)
        position = each.stop
    if position < stop:
        pieces.append(Fragment(position, stop))
    return tuple(pieces)


def _transcribed(source: str, start: int, stop: int) -> Iterator[Fragment]:
    """Yields the words with phonemes. Behind an address such as (/docs/) there are none: it has no phonetic letter."""
    for match in _TRANSCRIBED.finditer(source, start, stop):
        phonemes = ipa.normalize(match[2])
        written = " ".join(match[1].split())
        is_ipa = not match[2].isascii() and ipa.has_sound(phonemes) and ipa.unknown_symbol(phonemes) is None
        if is_ipa and LETTER.search(written):
            yield Fragment(*match.span(), transcriptions.mark(written, phonemes))


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
