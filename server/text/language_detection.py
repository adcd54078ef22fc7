"""Finds the language of each sentence, and of quotations in it, for requests with the language ``auto``."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from server.text.languages import primary
from server.text.reading import sentence_spans
from server.text.script import Script
from server.utterance import LanguageRun, Passage

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier  # type: ignore[import-untyped]

AUTO = "auto"
"""The language of a request whose languages are to be found."""
SURE, SURE_OF_FEW = 0.8, 0.95
"""The least probability with which a stretch of text is in a language by itself; of fewer than FEW_WORDS, which may be
a name."""
FEW_WORDS = 4
SURE_OF_QUOTATION = 0.9
SURE_OF_TEXT = 0.75
"""The least probability for a text as a whole if no sentence of it is sure."""
LIKELY = 0.5
"""The same for a sentence that is not sure, and a language that is elsewhere in the text, or the first one."""
UNSUPPORTED = 0.7
"""The least probability of a language that the voice does not speak, with at most LEAST_SUPPORTED for all others."""
LEAST_SUPPORTED = 0.1
MOST_CHARACTERS = 1000
"""The most characters of a stretch that are looked at: more say nothing new."""
_MARKS = '"\u201c\u201d\u201e\u00ab\u00bb\u2039\u203a()'
_QUOTATION = re.compile(f"[{_MARKS}]([^{_MARKS}]{{4,400}})[{_MARKS}]")
"""Matches what stands in quotation marks or parentheses. It can't match across such a mark, so it takes linear time."""
_WORD = re.compile(r"[^\W\d_]+")
FIRST_UNSPACED = "\u0e00"
"""The first character of the scripts that have no spaces, beginning with Thai."""


class Guess(NamedTuple):
    """The most probable language of a stretch of text."""

    language: str
    """One of the languages in question."""
    probability: float
    """Of that language, among those in question."""
    unsupported: str = ""
    """A language (ISO 639-1) that is none of those, but certainly that of the text."""
    sure: bool = False
    """Whether the stretch says enough by itself."""


class Section(NamedTuple):
    """A range of a text in one language; ``unsupported`` is the one that it is in, if that can't be spoken."""

    start: int
    stop: int
    language: str
    unsupported: str = ""


class GuessedSentence(NamedTuple):
    """A sentence's range and its language."""

    start: int
    stop: int
    guess: Guess


class LanguageDetector:
    """Finds languages; thread-safe. Its model takes 76 MB, and is loaded in a second with the first text."""

    def __init__(self) -> None:
        self._model: LanguageIdentifier | None = None
        self._loading = threading.Lock()

    def detected(self, script: Script, languages: Sequence[str]) -> Script:
        """Returns a script with a run for each part that is not in the first of ``languages`` (BCP 47).

        The others are those that the voice speaks. A passage whose markup gives languages stays as it is. Takes linear
        time.
        """
        if len(languages) < 2:
            return script
        passages = script.passages or (Passage(script.text),)
        sentences = [list(self._sentences(passage, languages)) for passage in passages]
        counts: Counter[str] = Counter()
        for start, stop, guess in (each for own in sentences for each in own):
            if guess.sure and not guess.unsupported:
                counts[guess.language] += stop - start
        if not counts and (guess := self.guess(script.text, languages)).probability >= SURE_OF_TEXT:
            counts[guess.language] = len(script.text)
        main = counts.most_common(1)[0][0] if counts else languages[0]
        present = {languages[0], *counts}
        passages = tuple(
            passage if passage.runs else replace(passage, runs=self._runs(passage.text, own, main, present, languages))
            for passage, own in zip(passages, sentences, strict=True)
        )
        if script.passages:
            return replace(script, passages=passages)
        return replace(script, passages=passages, structural=True) if passages[0].runs else script

    def _sentences(self, passage: Passage, languages: Sequence[str]) -> Iterator[GuessedSentence]:
        """Yields each sentence with the language of its words outside quotations, if there are any."""
        for start, stop in sentence_spans(passage.text, languages[0]):
            sentence = passage.text[start:stop]
            around = _QUOTATION.sub(" ", sentence)
            yield GuessedSentence(start, stop, self.guess(around if _WORD.search(around) else sentence, languages))

    def _runs(
        self, text: str, sentences: Sequence[GuessedSentence], main: str, present: Container[str], own: Sequence[str]
    ) -> tuple[LanguageRun, ...]:
        """Returns the runs of a text in the languages ``own``, of which ``present`` are in it, and ``main`` most.

        A sentence that is not sure has its most probable language if that is one of those, else the language of the
        sentence before, or after it, or else the main one.
        """
        current = next((guess for _, _, guess in sentences if guess.sure), Guess(main, 1.0))
        sections: list[Section] = []
        for start, stop, guess in sentences:
            if guess.sure or (guess.probability >= LIKELY and guess.language in present):
                current = guess
            language = own[0] if current.unsupported else current.language
            sections += self._quoted(text, Section(start, stop, language, current.unsupported), own)
        return tuple(LanguageRun(*each) for each in _merged(sections) if each.language != own[0] or each.unsupported)

    def _quoted(self, text: str, sentence: Section, languages: Sequence[str]) -> Iterator[Section]:
        """Yields the sections of a sentence: quotations that are surely in another language, and the rest."""
        position = sentence.start
        for match in _QUOTATION.finditer(text, sentence.start, sentence.stop):
            guess = self.guess(match[1], languages, SURE_OF_QUOTATION)
            if guess.sure and not guess.unsupported and guess.language != sentence.language:
                yield sentence._replace(start=position, stop=match.start(1))
                yield Section(*match.span(1), guess.language)
                position = match.end(1)
        yield sentence._replace(start=position)

    def guess(self, text: str, languages: Sequence[str], sure: float = SURE) -> Guess:
        """Returns the most probable of ``languages``; ``sure`` is the least probability of one that is sure."""
        words = _words(text)
        if not words:
            return Guess(languages[0], 0.0)
        ranked = self._loaded().rank(text[:MOST_CHARACTERS])
        codes = {primary(language): language for language in reversed(languages)}
        supported = [(codes[language], probability) for language, probability in ranked if language in codes]
        total = sum(probability for _, probability in supported)
        best, most = ranked[0]
        if best not in codes and most >= UNSUPPORTED and total <= LEAST_SUPPORTED:
            return Guess(languages[0], 0.0, best, sure=words >= FEW_WORDS)
        if not total:
            return Guess(languages[0], 0.0)
        language, most = supported[0]
        return Guess(language, most / total, sure=most / total >= (sure if words >= FEW_WORDS else SURE_OF_FEW))

    def _loaded(self) -> LanguageIdentifier:
        if self._model is None:
            with self._loading:
                if self._model is None:
                    from py3langid.langid import MODEL_FILE, LanguageIdentifier

                    self._model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        return self._model


def _merged(sections: Sequence[Section]) -> list[Section]:
    """Returns the sections that have any text; neighbours in the same language are one."""
    merged: list[Section] = []
    for section in sections:
        if section.start == section.stop:
            continue
        if merged and merged[-1].stop == section.start and merged[-1][2:] == section[2:]:
            section = section._replace(start=merged.pop().start)  # noqa: PLW2901
        merged.append(section)
    return merged


def _words(text: str) -> int:
    """Returns the number of words, at most FEW_WORDS. In scripts that have no spaces, a word is two characters."""
    count = 0
    for match in _WORD.finditer(text):
        count += 1 if match[0] < FIRST_UNSPACED else (len(match[0]) + 1) // 2
        if count >= FEW_WORDS:
            return FEW_WORDS
    return count
