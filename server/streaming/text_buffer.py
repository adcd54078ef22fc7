"""Collects a text that arrives in pieces, and gives out the parts of it that can be spoken already."""

from __future__ import annotations

import re

from server.text.reading import sentence_spans

LOOKAHEAD = 16
"""The characters after a sentence's end that decide whether it is one: "Dr. " is none before a name."""
LONGEST = 600
"""The longest part without an end that is kept back, in characters."""
LOOKED_AT = 2 * LONGEST
"""The characters of the text that are looked at together: the time for them grows faster than their number."""
CLAUSE_WORDS = 4
"""The fewest words of a clause that is spoken before its sentence has ended."""

_CERTAIN = re.compile(r"[!?\u2026]\s\Z|\n\s*\Z|[\u3002\uff01\uff1f]\Z")
"""Matches an end of a sentence that nothing behind it can change."""
_CLAUSE = re.compile(r"(?<=[^\W\d_])[,;:]\s+(?=[^\W\d_A-Z])|[\u3001\uff0c\uff1b\uff1a]")
"""Matches the end of a clause: a mark between a word and one in small letters, so that no date or place is cut."""
_ENDS_WORD = re.compile(
    r"(?:(?<!\d)[.,:]|[!?;\u2026\u3001\u3002\uff01\uff0c\uff1a\uff1b\uff1f])[\"'\u201d\u2019)\u300d\u300f]*\Z"
)
"""Matches a mark that ends the last word; a number may go on after a point."""
_POSSIBLE = re.compile(r"[.!?\u2026\u3002\uff01\uff1f\n]")


class TextBuffer:
    """The text that has arrived and was not given out yet.

    Its parts, joined, are the text; they end where the sentences of the whole text end, as far as ``LOOKAHEAD`` tells.
    """

    def __init__(self, language: str) -> None:
        """``language`` is a BCP 47 code."""
        self._language = language
        self._text = ""

    def __len__(self) -> int:
        return len(self._text)

    def feed(self, text: str) -> None:
        """Adds the next piece of the text."""
        self._text += text

    def take(self, *, clause: bool = False) -> str:
        """Returns the sentences that are complete, an empty string if there is none. With ``clause`` it returns the
        complete clauses of the first sentence instead, if that has not ended. A part of more than ``LONGEST``
        characters is cut between two words."""
        end = self._sentences_end() or (self._clauses_end() if clause else 0) or self._longest_end()
        return self._cut(end)

    def take_words(self) -> str:
        """Returns all complete words: everything up to the last space, or up to a mark at the end of the text."""
        if self._ends_in_space() or _ENDS_WORD.search(self._text):
            return self._cut(len(self._text.rstrip()))
        return self._cut(self._last_space(len(self._text)))

    def take_rest(self) -> str:
        """Returns everything."""
        return self._cut(len(self._text))

    def clear(self) -> None:
        """Forgets the text."""
        self._text = ""

    def _cut(self, end: int) -> str:
        part, self._text = self._text[:end], self._text[end:]
        return part

    def _sentences_end(self) -> int:
        """Returns the end of the last sentence that is certainly complete; 0 if none is."""
        text = self._text[:LOOKED_AT]
        if not _POSSIBLE.search(text):
            return 0
        known = len(text) - LOOKAHEAD
        ends = [stop for _, stop in sentence_spans(text, self._language)]
        return max((end for end in ends if end <= known or _CERTAIN.search(text[max(0, end - 8) : end])), default=0)

    def _clauses_end(self) -> int:
        ends = (match.end() for match in _CLAUSE.finditer(self._text[:LOOKED_AT]) if match.end() < len(self._text))
        last = max(ends, default=0)
        return last if len(self._text[:last].split()) >= CLAUSE_WORDS else 0

    def _longest_end(self) -> int:
        return 0 if len(self._text) <= LONGEST else self._last_space(LONGEST) or LONGEST

    def _ends_in_space(self) -> bool:
        return self._text[-1:].isspace()

    def _last_space(self, stop: int) -> int:
        """Returns the end of the last space before ``stop``; 0 if there is none."""
        return next((at + 1 for at in range(stop - 1, -1, -1) if self._text[at].isspace()), 0)
