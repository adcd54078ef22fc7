"""Converts text to phonemes with espeak-ng, in separate processes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Container, Iterable, Sequence
from functools import cache, partial

from cachetools import LRUCache

from otel.contract.values import WorkerKind
from server.errors import EngineFailed, InvalidRequest, UnspeakableText
from server.sandbox.limits import SandboxLimits
from server.sandbox.pool import SandboxPool, WorkerCrashed, WorkerLost
from server.text import language_marks, nearest_phonemes, transcriptions
from server.text.espeak_bounds import pieces
from server.text.ipa import named
from server.utterance import MARKUP, Verbalization

Phonemize = Callable[[Sequence[str]], Sequence[Sequence[str]]]
"""Returns the phonemes of each text."""
WORKER = WorkerKind.PHONEMES
"""The value of the label ``worker``."""
REMEMBERED_WORDS = 4096
"""The number of words whose phonemes are remembered: those of a text take espeak as long as its sentences."""
WORD_CHARACTERS = 24
"""The maximum length of a text that is remembered."""
LIMITS = SandboxLimits(memory_bytes=256 * 1024**2, cpu_seconds=5, seconds=30.0)
"""The limits of a request. The longest text, 5,000 characters, takes espeak 20 ms to 1 s and 30 MB. On a machine with
ten times the load that its cores can take, an ordinary text has waited for 10 s."""


@cache
def pool() -> SandboxPool:
    """Returns the processes that make phonemes; all phonemizers share them, as they would share espeak's globals."""
    return SandboxPool(WORKER, "server.text.espeak", min(4, len(os.sched_getaffinity(0))), LIMITS)


class Phonemizer:
    """Turns texts into phonemes. Any thread may call it; a call blocks until the phonemes are there.

    Its methods raise ValueError when espeak does not have the voice, UnspeakableText when the text ends espeak's
    process, and EngineFailed when no process is available.
    """

    def __init__(self) -> None:
        self._resolved: dict[str, str] = {}
        """The espeak voice of each language that parts of texts were in."""

    def phonemize(self, text: str, voice: str) -> list[list[str]]:
        """Returns the IPA codepoints (decomposed, NFD) of each sentence of ``text``, with the marks that end its
        clauses. A sentence of marks alone may be empty."""
        return [list(sentence) for sentence in self._sentences([text], voice)[0]]

    def sentence(self, text: str, voice: str) -> list[str]:
        """Returns the same for a text that is one sentence, however espeak divides it; nothing for marks alone."""
        return self.each([text], voice)[0]

    def each(self, texts: Sequence[str], voice: str) -> list[list[str]]:
        """Returns ``sentence`` of each text by one request, which takes 0.1 ms besides espeak's own time; one more for
        each other language.

        A word that is marked with its transcription (server.text.transcriptions) has the phonemes of that. A part that
        is marked with its language (server.text.language_marks) is read by that language, with the phonemes of
        ``voice`` that come nearest.
        """
        if not any(language_marks.OPEN in text for text in texts):
            return self._of_one_language(texts, voice)
        parts = [list(language_marks.parts(text)) for text in texts]
        read: dict[tuple[str, str], str] = {}
        for language in dict.fromkeys(language for own in parts for language, _ in own):
            own_texts = list(dict.fromkeys(text for own in parts for spoken, text in own if spoken == language))
            for text, symbols in zip(own_texts, self._of_language(own_texts, language, voice), strict=True):
                read[language, text] = "".join(symbols).strip()
        return [list(" ".join(filter(None, (read[part] for part in own)))) for own in parts]

    def _of_language(self, texts: Sequence[str], language: str, voice: str) -> list[list[str]]:
        """Returns the phonemes of texts of a language, if espeak has it, else as ``voice`` reads them."""
        if not language:
            return self._of_one_language(texts, voice)
        try:
            if language not in self._resolved:
                self._resolved[language] = self.resolve(language)
        except ValueError:
            return self._of_one_language(texts, voice)
        own = self._of_one_language(texts, self._resolved[language])
        return [nearest_phonemes.adapted(symbols, voice) for symbols in own]

    def _of_one_language(self, texts: Sequence[str], voice: str) -> list[list[str]]:
        if not any(transcriptions.OPEN in text for text in texts):
            return [list(" ".join(sentences)) for sentences in self._sentences(texts, voice)]
        marked = [each for text in texts for each in transcriptions.phonemes_in(text)]
        words = list(dict.fromkeys(map(transcriptions.stand_in, marked)))
        read = self._of_one_language([*map(transcriptions.disguise, texts), *words], voice)
        alone = dict(zip(words, map("".join, read[len(texts) :]), strict=True))
        sentences = zip(map("".join, read), texts, strict=False)
        revealed = [transcriptions.reveal(sentence, text, alone) for sentence, text in sentences]
        return [
            list(sentence) if sentence is not None else self._in_pieces(text, voice)
            for sentence, text in zip(revealed, texts, strict=True)
        ]

    def _in_pieces(self, text: str, voice: str) -> list[str]:
        """Returns the phonemes of a text whose words between transcriptions are read by themselves."""
        parts = list(transcriptions.pieces(text))
        read = iter(self.each([part for part, is_ipa in parts if not is_ipa], voice))
        return list(" ".join(part if is_ipa else "".join(next(read)) for part, is_ipa in parts if part or not is_ipa))

    def resolve(self, language: str) -> str:
        """Returns the espeak voice for a language code, the primary subtag's if there is no closer one ("fr" for
        "fr-fr"). Raises ValueError when there is none."""
        for voice in (language, language.partition("-")[0]):
            try:
                self._sentences(["a"], voice)
            except ValueError:
                continue
            return voice
        raise ValueError(f"espeak has no voice for the language {language!r}")

    def _sentences(self, texts: Sequence[str], voice: str) -> list[list[str]]:
        """Returns the sentences of each text."""
        try:
            answer = pool().ask({"voice": voice, "texts": [pieces(text) for text in texts]}).message
        except WorkerCrashed:
            raise UnspeakableText("the text can't be turned into phonemes", param="text") from None
        except WorkerLost as error:
            raise EngineFailed("no process can make phonemes") from error
        if answer.get("error") == "no_voice":
            raise ValueError(f"espeak has no voice {voice!r}")
        if "error" in answer:
            raise UnspeakableText("the text can't be turned into phonemes", param="text")
        return [[str(sentence) for sentence in sentences] for sentences in answer["texts"]]


class EspeakVoices:
    """Finds the espeak voice of each language once, and remembers how words are read. For one thread."""

    def __init__(self) -> None:
        self._phonemizer = Phonemizer()
        self._words: LRUCache[tuple[str, str, str], Sequence[str]] = LRUCache(REMEMBERED_WORDS)
        self._voices: dict[str, str | None] = {}

    def phonemize(self, language: str, tenant: str = "") -> Phonemize | None:
        """Returns the function that returns the phonemes of each text in a language (BCP 47); None for a language that
        espeak does not have, and for Japanese, which Open JTalk reads.

        Words are remembered for their ``tenant`` alone: those that are known are read sooner, which would tell others
        about them.
        """
        if language not in self._voices:
            self._voices[language] = self._resolve(language)
        voice = self._voices[language]
        return None if voice is None else partial(self._each, tenant, voice)

    def _each(self, tenant: str, voice: str, texts: Sequence[str]) -> list[Sequence[str]]:
        results = {text: phonemes for text in texts if (phonemes := self._words.get((tenant, voice, text))) is not None}
        missing = [text for text in dict.fromkeys(texts) if text not in results]
        results.update(zip(missing, self._phonemizer.each(missing, voice) if missing else [], strict=True))
        for text in missing:
            if len(text) <= WORD_CHARACTERS:
                self._words[tenant, voice, text] = results[text]
        return [results[text] for text in texts]

    def _resolve(self, language: str) -> str | None:
        if language.partition("-")[0] == "ja":
            return None
        try:
            return self._phonemizer.resolve(language)
        except ValueError:
            return None


def require_symbols(verbalizations: Iterable[Verbalization], vocabulary: Container[str]) -> None:
    """Raises InvalidRequest if the phonemes that a client gives are not all in a voice's ``vocabulary``.

    Those of a dictionary may have others, which the voice leaves out.
    """
    for each in verbalizations:
        if each.rule == "dictionary":
            continue
        for symbol in join_marks(each.ipa, vocabulary):
            if symbol not in vocabulary and not symbol.isspace():
                field = "text" if each.rule == MARKUP else "pronunciations"
                raise InvalidRequest(f"{field}: this voice can't make the phoneme {named(symbol[0])}", param=field)


def join_marks(symbols: Iterable[str], vocabulary: Container[str]) -> list[str]:
    """Joins a combining mark that a model does not know with its letter, if the model knows the two as one symbol.

    espeak returns c and a cedilla. Coqui's vocabulary has them as one symbol, Piper's has most marks as separate
    symbols.
    """
    joined: list[str] = []
    for symbol in symbols:
        if joined and unicodedata.combining(symbol) and symbol not in vocabulary:
            pair = unicodedata.normalize("NFC", joined[-1] + symbol)
            joined[-1] = pair if pair in vocabulary else joined[-1]
        else:
            joined.append(symbol)
    return joined
