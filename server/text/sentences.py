"""Cuts text and phonemes into pieces of bounded length, where a speaker would breathe."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

LIMIT = 400
"""The maximum number of phonemes in a sentence, about 30 s of speech: the encoder's attention takes memory that grows
with the square of the length."""

PAUSES = frozenset(".,;:!?\u2026")
"""Marks that end a clause when a space follows."""
FULL_WIDTH_PAUSES = frozenset("\u3002\u3001\uff0c\uff1b\uff1a\uff01\uff1f\n")
"""Marks that always end a clause."""


def cut(symbols: Sequence[str], limit: int = LIMIT) -> Iterator[list[str]]:
    """Yields ``symbols`` (characters or phonemes) in pieces of at most ``limit``; joined they are ``symbols``.

    A piece ends after the last clause's mark in the second half of what fits; without one, after a space there; without
    that, anywhere except before a combining or length mark.
    """
    start = 0
    while len(symbols) - start > limit:
        end = _boundary(symbols, start, start + limit)
        yield list(symbols[start:end])
        start = end
    if start < len(symbols):
        yield list(symbols[start:])


def bounded(sentences: Iterable[Sequence[str]], limit: int = LIMIT) -> list[list[str]]:
    """Returns the sentences without those that have nothing voiced, and cuts long ones."""
    return [piece for sentence in sentences for piece in cut(sentence, limit) if is_voiced(piece)]


def is_voiced(symbols: Iterable[str]) -> bool:
    """Whether there is a letter or a digit: marks and spaces alone become noise, not speech."""
    return any(unicodedata.category(symbol[0])[0] in "LN" for symbol in symbols)


def is_speakable(text: str) -> bool:
    """Whether ``text`` has something to say: a letter, a digit, or a symbol such as $ or an emoji, which have names.

    espeak reads a text of punctuation alone by the marks' names: "!!!" would be spoken as "exclamation".
    """
    return any(unicodedata.category(character)[0] in "LNS" for character in text)


def _boundary(symbols: Sequence[str], start: int, end: int) -> int:
    """Returns where the piece that begins at ``start`` ends: at most at ``end``, and always after ``start``."""
    second_half = range(end, start + (end - start) // 2, -1)
    for at in second_half:
        if symbols[at - 1] in FULL_WIDTH_PAUSES or (symbols[at - 1] in PAUSES and symbols[at].isspace()):
            return at
    for at in second_half:
        if symbols[at - 1].isspace():
            return at
    for at in second_half:
        if unicodedata.category(symbols[at][0]) not in {"Mn", "Mc", "Lm", "Sk"}:
            return at
    return end
