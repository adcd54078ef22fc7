"""How a text is read, stretch by stretch, with the place of each stretch in the text as it was sent."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

from server.text.alignment import align
from server.text.normalize import LETTER
from server.text.phonemes import Phonemize
from server.text.reading import SpokenSentence, SpokenText, SpokenWord, read_passages
from server.text.script import Omission, Script, Span
from server.utterance import Passage

_TOKEN = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class StretchReading:
    """How a word is read, or a longer part that is read as one, such as "5 km"."""

    written: str
    """The part as it is counted: without markup, with single spaces."""
    spoken: str
    """The words that are given to the phonemizer; empty for what has no sound."""
    rule: str | None
    """The rule that gives it its spoken form, or several, separated by commas; None if there is none."""
    span: Span | None
    """Its range of the source; None in SSML."""
    phonemes: str | None = None
    """Its phonemes in the sentence, in IPA; None if there is no phonemizer."""
    language: str = ""
    """The language (BCP 47) in which it is read."""


@dataclass(frozen=True, slots=True)
class SentenceReading:
    """A sentence and the silence after it."""

    stretches: tuple[StretchReading, ...]
    pause: float
    """Seconds."""
    speed: float
    language: str = ""
    """The language of most of it."""
    unsupported_language: str = ""
    """The language that was found but can't be spoken; empty if there is none."""

    @property
    def length(self) -> int:
        """The number of its phonemes with the spaces between words; of its characters if there is no phonemizer."""
        return sum(len(each.phonemes or each.spoken) + 1 for each in self.stretches if each.spoken)


@dataclass(frozen=True, slots=True)
class SourceReading:
    """How a whole text is read."""

    sentences: tuple[SentenceReading, ...]
    omissions: tuple[Omission, ...]
    """What has letters or digits and is not read, in order; empty for SSML."""
    silence: float
    """Seconds of all pauses together."""


def read_source(script: Script, language: str, speed: float, phonemize: Phonemize | None = None) -> SourceReading:
    """Returns how a script in a language (BCP 47) is read at ``speed``.

    Each letter and digit of the source is inside a stretch or an omission. Raises the errors of ``phonemize``.
    """
    passages = script.passages or (Passage(script.text),)
    text = read_passages(passages, language, speed)
    source_map = _SourceMap(script, passages)
    phonemes = _phonemes(text.sentences, phonemize)
    sentences = tuple(
        SentenceReading(
            tuple(_stretches(sentence, source_map, phonemes, language)),
            sentence.pause,
            sentence.speed,
            sentence.language or language,
            _unsupported(sentence, passages[sentence.passage]),
        )
        for sentence in text.sentences
    )
    return SourceReading(
        sentences,
        tuple(sorted([*script.omissions(), *_unread(text, passages, source_map)])),
        text.leading_silence + sum(sentence.pause for sentence in text.sentences),
    )


class _SourceMap:
    """Finds ranges of passages in the source."""

    def __init__(self, script: Script, passages: Sequence[Passage]) -> None:
        self._source = script.source
        spans = iter(script.spans())
        self._tokens = [
            [(match.start(), match[0], next(spans, None)) for match in _TOKEN.finditer(passage.text)]
            for passage in passages
        ]
        self._starts = [[start for start, _, _ in tokens] for tokens in self._tokens]

    def span(self, passage: int, start: int, stop: int) -> Span | None:
        """Returns where a range of a passage's text stands in the source; None in SSML."""
        first, last = self._within(passage, start), self._within(passage, stop - 1)
        return Span(first.start, last.stop) if first and last else None

    def has_letters(self, span: Span) -> bool:
        """Returns whether a range of the source has a letter or digit, as the entity of a sign has."""
        return LETTER.search(self._source, *span) is not None

    def _within(self, passage: int, position: int) -> Span | None:
        """Returns the range of a character; that of its whole word if the word is not in the source as it stands."""
        start, token, span = self._tokens[passage][bisect_right(self._starts[passage], position) - 1]
        if span is None or self._source[slice(*span)] != token:
            return span
        at = span.start + position - start
        return Span(at, at + 1)


def _stretches(
    sentence: SpokenSentence, source_map: _SourceMap, phonemes: Iterator[str | None], language: str
) -> Iterator[StretchReading]:
    position = 0
    for word in sentence.words:
        start = sentence.written.index(word.written, position)
        position = start + len(word.written)
        rules = dict.fromkeys(each.rule for each in sentence.stretches if start <= each.start < position)
        yield StretchReading(
            word.written,
            word.spoken,
            ", ".join(rules) or None,
            source_map.span(sentence.passage, sentence.start + start, sentence.start + position),
            next(phonemes),
            word.language or language,
        )


def _unsupported(sentence: SpokenSentence, passage: Passage) -> str:
    """Returns the language that was found where the sentence begins, if it can't be spoken."""
    index = bisect_right(passage.runs, sentence.start, key=lambda run: run.start) - 1
    run = passage.runs[index] if index >= 0 else None
    return run.unsupported if run and sentence.start < run.stop else ""


def _unread(text: SpokenText, passages: Sequence[Passage], source_map: _SourceMap) -> Iterator[Omission]:
    """Yields what lies between the sentences: other sentences, which have nothing to speak."""
    ends = [0] * len(passages)
    gaps = []
    for sentence in text.sentences:
        gaps.append((sentence.passage, ends[sentence.passage], sentence.start))
        ends[sentence.passage] = sentence.start + len(sentence.written)
    gaps += [(number, end, len(passages[number].text)) for number, end in enumerate(ends)]
    for number, start, stop in gaps:
        for match in _TOKEN.finditer(passages[number].text, start, stop):
            span = source_map.span(number, *match.span())
            if span and source_map.has_letters(span):
                yield Omission(span, "nothing to speak")


def _phonemes(sentences: Sequence[SpokenSentence], phonemize: Phonemize | None) -> Iterator[str | None]:
    """Yields the phonemes of each word of each sentence; all texts are phonemized in one call."""
    if phonemize is None:
        yield from repeat(None)
        return
    words = [[word for word in sentence.words if word.spoken] for sentence in sentences]
    texts = list(
        dict.fromkeys(
            text
            for sentence, own in zip(sentences, words, strict=True)
            for text in (sentence.transcribed, *(word.transcribed for word in own))
        )
    )
    symbols = dict(zip(texts, phonemize(texts), strict=True))
    for sentence, own in zip(sentences, words, strict=True):
        yield from _of_words(sentence.words, symbols[sentence.transcribed], [symbols[word.transcribed] for word in own])


def _of_words(words: Sequence[SpokenWord], sentence: Sequence[str], alone: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yields the phonemes of each word of a sentence; ``alone`` are those of each word that is spoken, by itself."""
    spans = iter(align(sentence, alone))
    for word in words:
        yield unicodedata.normalize("NFC", "".join(sentence[slice(*next(spans))])) if word.spoken else ""
