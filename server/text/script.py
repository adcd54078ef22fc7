"""An utterance as a provider speaks it: its sentences, each at its pace and with the silence after it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from server.text.reading import Line, read
from server.text.sentences import is_speakable
from server.utterance import Passage, Utterance

Piece = TypeVar("Piece")
PAUSE = 0.2
"""Seconds of silence between sentences at speed 1. The default voice itself ends a sentence with 110 to 250 ms of
silence and begins one with 60: together nearly half a second, as a reader pauses."""


@dataclass(frozen=True, slots=True)
class Cue:
    """A sentence to be spoken."""

    line: Line
    speed: float
    pause: float
    """Seconds of silence after it."""
    usual: float
    """Seconds of silence where it has to be cut."""

    def paused(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, float]]:
        """What it is spoken in, each piece with the silence after it."""
        for number, piece in enumerate(pieces):
            yield piece, self.pause if number == len(pieces) - 1 else self.usual


@dataclass(frozen=True, slots=True)
class Script:
    """All there is to speak."""

    lead: float
    """Seconds of silence before it."""
    cues: tuple[Cue, ...]

    @property
    def said(self) -> str:
        """The words that are spoken."""
        return " ".join(cue.line.text for cue in self.cues)


def script(utterance: Utterance) -> Script:
    """The utterance's sentences that have something to say, and what pauses are left of the others."""
    cues: list[Cue] = []
    lead = 0.0
    for passage in utterance.passages or (Passage(utterance.text),):
        speed = utterance.speed * passage.rate
        usual = PAUSE / speed
        after = usual if passage.pause is None else passage.pause
        lines = [line for line in read(passage.text, utterance.language, passage.readings) if is_speakable(line.text)]
        for number, line in enumerate(lines):
            cues.append(Cue(line, speed, after if number == len(lines) - 1 else usual, usual))
        if lines or passage.pause is None:
            continue
        if cues:
            last = cues.pop()
            cues.append(Cue(last.line, last.speed, last.pause + passage.pause, last.usual))
        else:
            lead += passage.pause
    if cues and (not utterance.passages or utterance.passages[-1].pause is None):
        last = cues.pop()
        cues.append(Cue(last.line, last.speed, 0.0, last.usual))
    return Script(lead, tuple(cues))
