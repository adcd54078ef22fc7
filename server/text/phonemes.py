"""Text to phonemes, by espeak-ng inside this process."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from server.text.sentences import PAUSES, cut

if TYPE_CHECKING:
    from piper.phonemize_espeak import EspeakPhonemizer

PIECE = 2_000
"""Characters given to espeak at once: it holds the GIL, 2 ms per 1,000, which the event loop needs too."""
LONG_WORD = 40
"""Characters in a row without a space: of a word of more than 160 bytes espeak drops what it has no room for."""
SYMBOLS = 25
"""Emoji and such in a row: each is spoken as a name of some 20 phonemes, and of a clause of more than 1,000 espeak
drops the rest."""


class Phonemizer:
    """espeak-ng, which keeps its state in globals and is not thread-safe: all instances share one lock."""

    _lock = threading.Lock()

    def phonemize(self, text: str, voice: str) -> list[list[str]]:
        """The IPA codepoints (decomposed, NFD) of each sentence of ``text``, with the marks that end its clauses.

        A sentence of marks alone may be empty. Raises ValueError when espeak does not have ``voice``.
        """
        pieces = ("".join(piece) for part in _loosened(text) for piece in cut(part, PIECE))
        return [sentence for piece in pieces for sentence in self._phonemize_piece(piece, voice)]

    def sentence(self, text: str, voice: str) -> list[str]:
        """The same of a text that is one sentence, whatever espeak takes it for; nothing, of marks alone."""
        return list(" ".join("".join(each) for each in self.phonemize(text, voice)))

    def resolve(self, language: str) -> str:
        """The espeak voice for a language code, the primary subtag's where there is no closer one ("fr" for "fr-fr").

        Raises ValueError when there is none.
        """
        for voice in (language, language.partition("-")[0]):
            try:
                self._phonemize_piece("a", voice)
            except ValueError:
                continue
            return voice
        raise ValueError(f"espeak has no voice for the language {language!r}")

    def _phonemize_piece(self, text: str, voice: str) -> list[list[str]]:
        with self._lock:
            espeak = _espeak()
            try:
                sentences: list[list[str]] = espeak.phonemize(voice, text)
            except RuntimeError as error:
                raise ValueError(f"espeak has no voice {voice!r}") from error
            return sentences


def _loosened(text: str) -> Iterator[str]:
    """``text`` so that espeak has room for all of it: symbols apart, at most 25 a part, and no word without an end."""
    text = re.sub(rf"[^\W_]{{{LONG_WORD}}}(?=[^\W_])", r"\g<0> ", text)
    symbols = 0
    part: list[str] = []
    for character in text:
        if unicodedata.category(character) == "So":
            symbols += 1
            if symbols > SYMBOLS:
                yield "".join(part)
                part, symbols = [], 1
            part.append(" ")
        elif character in PAUSES:
            symbols = 0
        part.append(character)
    yield "".join(part)


@cache
def _espeak() -> EspeakPhonemizer:
    """Initialised once: espeak's globals last as long as the process. Imports onnxruntime, 0.5 s."""
    from piper.phonemize_espeak import EspeakPhonemizer

    return EspeakPhonemizer()
