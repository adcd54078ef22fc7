"""A loaded voice that says a text piece by piece, each in one go, and how long its pieces take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from server.errors import EngineFailed
from server.providers.pace import WARM_UP, Pace
from server.text.script import Script
from server.utterance import Samples


@dataclass(frozen=True, slots=True)
class Piece:
    """As much of a text as the voice says in one go: a sentence, or a part of a long one."""

    say: Callable[[float], Samples]
    """Makes its audio at a speed, mono, shape (samples,), in whatever thread it is called."""
    symbols: int
    """Phonemes that it has, or whatever else its length can be told by."""


@dataclass(frozen=True, slots=True)
class Line:
    """A piece to be spoken."""

    say: Callable[[], Samples]
    """Makes its audio, as a piece's."""
    seconds: float
    """Of audio that it is expected to become."""
    pause: float = 0.0
    """Seconds of silence after it."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A voice; any number of threads may have it say something."""

    pieces: Callable[[str], Sequence[Piece]]
    """What a sentence is said in; none if there is nothing to say."""
    pace: Pace
    rate: float
    """Seconds of audio that a thread made with it in a second, when it was loaded."""

    @classmethod
    def warmed_up(
        cls, pieces: Callable[[str], Sequence[Piece]], sample_rate: int, texts: Sequence[str] = WARM_UP
    ) -> Speaker:
        """Has it say a short and a long text, and takes the time. Raises what ``pieces`` and its pieces raise."""
        timed = []
        for text in texts:
            read = pieces(text)
            begun = time.perf_counter()
            seconds = sum(len(piece.say(1.0)) for piece in read) / sample_rate
            rate = seconds / (time.perf_counter() - begun)
            timed.append((sum(piece.symbols for piece in read), seconds))
        return cls(pieces, Pace.measured(*timed), rate)

    def read(self, text: Script) -> list[Line]:
        """What is to be spoken of a text."""
        return [
            Line(partial(piece.say, cue.speed), self.pace.seconds(piece.symbols, cue.speed), pause)
            for cue in text.cues
            for piece, pause in cue.paused(self.pieces(cue.line.text))
        ]


def sound(samples: Samples) -> Samples:
    """What a model gave, within -1 to 1. Raises EngineFailed when it is not numbers."""
    if not np.isfinite(samples).all():
        raise EngineFailed("the voice's model gave numbers that are not audio")
    return samples.clip(-1.0, 1.0)
