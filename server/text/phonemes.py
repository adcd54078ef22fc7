"""Text to phonemes, by espeak-ng inside this process."""

from __future__ import annotations

import re
import threading
from functools import cache
from typing import TYPE_CHECKING

from server.text.sentences import cut

if TYPE_CHECKING:
    from piper.phonemize_espeak import EspeakPhonemizer

PIECE = 2_000
"""Characters given to espeak at once: it holds the GIL, 2 ms per 1,000, which the event loop needs too."""

ENGLISH_TITLES = re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof|St|Mt|Gen|Col|Capt|Lt|Sgt|Gov|Sen|Rep|Rev|vs)\.(?=\s+[A-Z0-9])")
"""Abbreviations whose full stop espeak takes for a sentence's end when a capital follows: "Dr. Smith" would pause."""


class Phonemizer:
    """espeak-ng, which keeps its state in globals and is not thread-safe: all instances share one lock."""

    _lock = threading.Lock()

    def phonemize(self, text: str, voice: str) -> list[list[str]]:
        """The IPA codepoints (decomposed, NFD) of each sentence of ``text``, with the marks that end its clauses.

        A sentence of marks alone may be empty. Raises ValueError when espeak does not have ``voice``.
        """
        if voice.partition("-")[0] == "en":
            text = ENGLISH_TITLES.sub(r"\1", text)
        return [sentence for piece in cut(text, PIECE) for sentence in self._phonemize_piece("".join(piece), voice)]

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


@cache
def _espeak() -> EspeakPhonemizer:
    """Initialised once: espeak's globals last as long as the process. Imports onnxruntime, 0.5 s."""
    from piper.phonemize_espeak import EspeakPhonemizer

    return EspeakPhonemizer()
