"""Turns a text into a Coqui model's input: ids of its vocabulary, and the span of each word in them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from server.engine.vocabulary import Vocabulary
from server.scheduling.engine import Sentence, WordSpan
from server.text import language_marks
from server.text.alignment import Span, align
from server.text.phonemes import Phonemizer
from server.text.reading import SpokenSentence, SpokenText, SpokenWord
from server.text.sentences import cut, is_voiced
from server.text.transcriptions import plain
from server.voices.catalogue import InstalledVoice
from server.voices.manifest import CHARACTERS


@dataclass(frozen=True, slots=True)
class EncodedPhrase:
    """A unit of synthesis: a sentence, or a part of a long one."""

    ids: tuple[int, ...]
    symbols: int
    """The number of symbols that the ids encode."""
    words: tuple[WordSpan, ...] = ()


class CoquiReader:
    """Encodes texts for one voice; thread-safe."""

    def __init__(self, installed: InstalledVoice, vocabulary: Vocabulary, phonemizer: Phonemizer) -> None:
        self._installed = installed
        self._vocabulary = vocabulary
        self._phonemizer = phonemizer

    @property
    def phonemes(self) -> Collection[str]:
        """The phonemes that the voice can make; none if it reads letters."""
        return () if self._installed.phonemizer == CHARACTERS else self._vocabulary.ids

    def sentences(self, text: SpokenText, *, with_words: bool = False) -> Iterator[tuple[Sentence, int]]:
        """Yields each sentence with its number of symbols; ``with_words`` adds the span of each word."""
        voice, leading_silence = self._installed.voice.name, text.leading_silence
        for sentence, phrases in zip(text.sentences, self.phrases(text.sentences, with_words=with_words), strict=True):
            for phrase, pause in sentence.paused(phrases):
                yield Sentence(voice, phrase.ids, sentence.speed, leading_silence, pause, phrase.words), phrase.symbols
                leading_silence = 0.0

    def phrases(self, sentences: Sequence[SpokenSentence], *, with_words: bool = False) -> list[list[EncodedPhrase]]:
        """Returns the speakable phrases of each sentence; all texts are phonemized in one call."""
        words = [[word for word in sentence.words if word.spoken] if with_words else [] for sentence in sentences]
        texts = [
            [sentence.transcribed, *(word.transcribed for word in own)]
            for sentence, own in zip(sentences, words, strict=True)
        ]
        symbols = iter(self._symbols([text for own in texts for text in own]))
        return [self._phrases(next(symbols), [(word, next(symbols)) for word in own]) for own in words]

    def _phrases(self, symbols: list[str], words: Sequence[tuple[SpokenWord, Sequence[str]]]) -> list[EncodedPhrase]:
        """Returns the phrases of a sentence, from its ``symbols`` and its words with their symbols."""
        spans = align(symbols, [own for _, own in words]) if words else []
        positions = [(word.written, span) for (word, _), span in zip(words, spans, strict=True)]
        phrases, offset = [], 0
        for stretch in cut(symbols):
            inside = [(written, _within(span, offset, len(stretch))) for written, span in positions
                      if offset <= span[0] < offset + len(stretch)]  # fmt: skip
            offset += len(stretch)
            ids, symbol_count = self._vocabulary.encode(stretch)
            if symbol_count and is_voiced(stretch):
                phrases.append(EncodedPhrase(tuple(ids), symbol_count, self._word_spans(stretch, inside)))
        return phrases

    def _word_spans(self, symbols: Sequence[str], words: Sequence[tuple[str, Span]]) -> tuple[WordSpan, ...]:
        places = self._vocabulary.places(symbols, [span for _, span in words])
        blanks = int(self._vocabulary.blank is not None)
        return tuple(
            WordSpan(written, start, stop, blanks if stop > start else 0)
            for (written, _), (start, stop) in zip(words, places, strict=True)
        )

    def _symbols(self, texts: Sequence[str]) -> list[list[str]]:
        """Returns the symbols of each text."""
        if self._installed.phonemizer == CHARACTERS:
            language = self._installed.voice.languages[0]
            return [list(self._vocabulary.clean(plain(language_marks.plain(text)), language)) for text in texts]
        return self._phonemizer.each(texts, self._installed.phonemizer)


def _within(span: Span, offset: int, length: int) -> Span:
    return span[0] - offset, min(span[1] - offset, length)
