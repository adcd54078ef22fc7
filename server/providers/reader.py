"""A text as a Coqui model reads it: ids by its vocabulary, and which of them are whose word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from server.engine.vocabulary import Vocabulary
from server.scheduling.engine import Mark, Sentence
from server.text.alignment import Span, align
from server.text.phonemes import Phonemizer
from server.text.reading import Line, Unit
from server.text.script import Script
from server.text.sentences import cut, is_voiced
from server.voices.catalogue import InstalledVoice
from server.voices.manifest import CHARACTERS


@dataclass(frozen=True, slots=True)
class Piece:
    """What is spoken in one go: a sentence, or a part of a long one."""

    ids: tuple[int, ...]
    symbols: int
    """That the ids stand for."""
    marks: tuple[Mark, ...] = ()


class Reader:
    """Reads for one voice; any thread may use it."""

    def __init__(self, installed: InstalledVoice, vocabulary: Vocabulary, phonemizer: Phonemizer) -> None:
        self._installed = installed
        self._vocabulary = vocabulary
        self._phonemizer = phonemizer

    def sentences(self, text: Script, *, timed: bool = False) -> Iterator[tuple[Sentence, int]]:
        """What is spoken, and how many symbols each has; ``timed`` with a mark for each word."""
        lead = text.lead
        lines = [cue.line for cue in text.cues]
        for cue, pieces in zip(text.cues, self.lines(lines, timed=timed), strict=True):
            for piece, pause in cue.paused(pieces):
                yield (
                    Sentence(self._installed.voice.name, piece.ids, cue.speed, lead, pause, piece.marks),
                    piece.symbols,
                )
                lead = 0.0

    def lines(self, lines: Sequence[Line], *, timed: bool = False) -> list[list[Piece]]:
        """Returns the pieces of each line that have something to say; all symbols are asked for at once."""
        units = [[unit for unit in line.units if unit.spoken] if timed else [] for line in lines]
        texts = [[line.text, *(unit.spoken for unit in each)] for line, each in zip(lines, units, strict=True)]
        symbols = iter(self._symbols([text for each in texts for text in each]))
        return [self._pieces(next(symbols), [(unit, next(symbols)) for unit in each]) for each in units]

    def _pieces(self, symbols: list[str], units: Sequence[tuple[Unit, list[str]]]) -> list[Piece]:
        """Of a line: ``symbols`` are the whole line's, ``units`` its timed words with their own."""
        spans = align(symbols, [own for _, own in units]) if units else []
        words = [(unit.written, span) for (unit, _), span in zip(units, spans, strict=True)]
        pieces, offset = [], 0
        for part in cut(symbols):
            inside = [(written, _within(span, offset, len(part))) for written, span in words
                      if offset <= span[0] < offset + len(part)]  # fmt: skip
            offset += len(part)
            ids, known = self._vocabulary.encode(part)
            if known and is_voiced(part):
                pieces.append(Piece(tuple(ids), known, self._marks(part, inside)))
        return pieces

    def _marks(self, symbols: Sequence[str], words: Sequence[tuple[str, Span]]) -> tuple[Mark, ...]:
        places = self._vocabulary.places(symbols, [span for _, span in words])
        return tuple(Mark(written, *place) for (written, _), place in zip(words, places, strict=True))

    def _symbols(self, texts: Sequence[str]) -> list[list[str]]:
        """Of each text."""
        if self._installed.phonemizer == CHARACTERS:
            language = self._installed.voice.languages[0]
            return [list(self._vocabulary.clean(text, language)) for text in texts]
        return self._phonemizer.each(texts, self._installed.phonemizer)


def _within(span: Span, offset: int, length: int) -> Span:
    return span[0] - offset, min(span[1] - offset, length)
