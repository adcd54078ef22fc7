"""Keeps texts within the buffers of espeak-ng, which neither checks their bounds nor reports what it drops.

The bounds are those of its source (translate.c, translateword.c), found by an AddressSanitizer build and fuzzed texts:
80 bytes for an abbreviation of dotted letters, 200 bytes for the phonemes of a word's suffixes, 300 words and 800 bytes
for a clause, 1,000 phonemes for a clause.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from server.text.sentences import PAUSES, cut

CLAUSE_CHARACTERS = 250
"""The maximum number of characters in a clause; each may become a word."""
CLAUSE_BYTES = 700
"""The maximum size of a clause in bytes, including the space that espeak may put before each character."""
WORD_CHARACTERS = 40
"""The maximum number of characters without a space, including signs and apostrophes. A word may then have 160 bytes,
and has at most 20 suffixes."""
DOTTED_LETTERS = 8
"""The maximum number of single letters in a row with a sign after each, as in U.S.A.: at most 32 bytes."""
SYMBOLS = 25
"""The maximum number of emoji and other symbols in a row: each is spoken as a name of about 20 phonemes."""

_LETTER = r"[^\W0-9_]"
"""Matches a letter. espeak treats digits of other scripts as letters."""
_SIGNS = r"(?:(?![,;:!?]\s)[\W_])+"
"""Matches the signs between two letters of one clause; a mark such as a comma before a space would end it."""
_SPELLED = re.compile(rf"(?<!{_LETTER})(?:{_LETTER}{_SIGNS}){{{DOTTED_LETTERS + 1},}}")
_SPELLED_LETTER = re.compile(rf"({_LETTER})({_SIGNS})")
_DOT_AND_SIGN = re.compile(rf"(?<={_LETTER}\.)(?=[^\w\s.,;:!?'\")\]-])")
"""Matches the position between a dot and a sign. After D./ in Spanish, where D. is an abbreviation, espeak copies the
rest of the clause into 160 bytes."""
_LETTERS = re.compile(rf"[^\W_]{{{WORD_CHARACTERS}}}(?=[^\W_])")
_WORD = re.compile(rf"\S{{{WORD_CHARACTERS + 1},}}")
_WORD_PART = re.compile(rf"\S{{1,{WORD_CHARACTERS}}}(?=[\W_](?!\d)|$)|\S{{1,{WORD_CHARACTERS}}}")
"""Matches the longest part that ends before a sign outside a number, or else the longest that fits."""


def pieces(text: str) -> list[str]:
    """Returns ``text`` in pieces that espeak can read one by one; ordinary text is not changed.

    A piece ends with a clause if possible. Spaces are added in a word of more than 40 characters, between emoji, and
    between a dot and a sign such as / or #; in a row of more than eight letters with a sign after each, the signs after
    the eighth are replaced by spaces.
    """
    text = _SPELLED.sub(_with_few_signs, text)
    text = _DOT_AND_SIGN.sub(" ", text)
    text = _LETTERS.sub(r"\g<0> ", text)
    text = _WORD.sub(lambda word: " ".join(_WORD_PART.findall(word[0])), text)
    return [
        "".join(piece).strip()
        for stretch in ([text] if text.isascii() else _few_symbols(text))
        for piece in cut(stretch, _limit(stretch))
    ]


def _limit(text: str) -> int:
    """Returns how many characters of ``text`` fit into a clause."""
    longest = len(max(text, default=" ").encode("utf-8", "replace"))
    return min(CLAUSE_CHARACTERS, CLAUSE_BYTES // (longest + 1))


def _few_symbols(text: str) -> Iterator[str]:
    """Yields parts with at most 25 symbols without a pause between them, with a space before each symbol."""
    symbols = 0
    stretch: list[str] = []
    for character in text:
        if unicodedata.category(character) == "So":
            symbols += 1
            if symbols > SYMBOLS:
                yield "".join(stretch)
                stretch, symbols = [], 1
            stretch.append(" ")
        elif character in PAUSES:
            symbols = 0
        stretch.append(character)
    yield "".join(stretch)


def _with_few_signs(row: re.Match[str]) -> str:
    letters = _SPELLED_LETTER.findall(row[0])
    if all(sign.isspace() for _, sign in letters[DOTTED_LETTERS:]):
        return row[0]
    first = "".join(letter + sign for letter, sign in letters[:DOTTED_LETTERS])
    return f"{first}{' '.join(letter for letter, _ in letters[DOTTED_LETTERS:])}{letters[-1][1]}"
