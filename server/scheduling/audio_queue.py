"""The queue of a job's finished audio, in order, from the step that made it until it is fetched."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from server.utterance import Interval, Samples, Word


@dataclass(frozen=True, slots=True)
class AudioPiece:
    """A piece of audio, and the intervals in which it was made."""

    samples: Samples
    intervals: tuple[Interval, ...]
    words: tuple[Word, ...] = ()
    """The words of the sentence that begins with this piece, if word times are requested."""


class AudioQueue:
    """The audio of one job; used by the event loop's thread alone."""

    def __init__(self, sample_rate: int) -> None:
        self.fetched_seconds = 0.0
        """Seconds of audio fetched so far."""
        self._sample_rate = sample_rate
        self._pieces: deque[AudioPiece] = deque()
        self._intervals: list[Interval] = []
        """The intervals since the last piece."""

    def add_interval(self, interval: Interval) -> None:
        """Adds an interval spent on the next piece."""
        self._intervals.append(interval)

    def append(
        self, samples: Samples, interval: Interval, words: tuple[Word, ...], silence_before: float, silence_after: float
    ) -> None:
        """Appends a window's samples, decoded in ``interval``, padded with the given seconds of silence."""
        if silence_before or silence_after:
            rate = self._sample_rate
            samples = np.pad(samples, (round(silence_before * rate), round(silence_after * rate)))
        self._pieces.append(AudioPiece(samples, (*self._intervals, interval), words))
        self._intervals.clear()

    def fetch(self) -> AudioPiece | None:
        """Returns the next piece, or None when none is ready."""
        if not self._pieces:
            return None
        piece = self._pieces.popleft()
        self.fetched_seconds += len(piece.samples) / self._sample_rate
        return piece
