"""Marks around the parts of a text that are in another language than the rest, for phonemizers."""

from __future__ import annotations

import re
from collections.abc import Iterator

OPEN, MIDDLE, CLOSE = "\x05", "\x06", "\x07"
"""Control characters, which no request may contain: the language, then the text, stand between them."""
_MARKED = re.compile(f"{OPEN}([^{OPEN}{MIDDLE}{CLOSE}]*){MIDDLE}([^{OPEN}{MIDDLE}{CLOSE}]*){CLOSE}")


def mark(text: str, language: str) -> str:
    """Returns the text with marks that say its language (BCP 47)."""
    return f"{OPEN}{language}{MIDDLE}{text}{CLOSE}"


def plain(text: str) -> str:
    """Returns the text without marks."""
    return _MARKED.sub(r"\2", text) if OPEN in text else text


def parts(text: str) -> Iterator[tuple[str, str]]:
    """Yields the parts of a text in order, each with its language; that of a part without marks is empty."""
    position = 0
    for match in _MARKED.finditer(text):
        if before := text[position : match.start()].strip():
            yield "", before
        yield match[1], match[2]
        position = match.end()
    if rest := text[position:].strip():
        yield "", rest
