"""A loaded voice that speaks a text phrase by phrase, with the expected length of each phrase."""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from server.engine.noise import NoiseKey
from server.errors import EngineFailed
from server.providers.pace import WARM_UP, Pace
from server.text.reading import SpokenText
from server.utterance import Samples


@dataclass(frozen=True, slots=True)
class Phrase:
    """A piece of text that a voice speaks in one run: a sentence, or a part of a long one."""

    speak: Callable[[float, NoiseKey], Samples]
    """Returns its audio at the given speed, mono, shape (samples,), with the noise that follows from the key; runs in
    the caller's thread."""
    symbols: int
    """The number of its phonemes, or of other units that determine its length."""


@dataclass(frozen=True, slots=True)
class TimedPhrase:
    """A phrase of a text, with its expected length and the silence after it."""

    speak: Callable[[], Samples]
    """Returns its audio, mono, shape (samples,); runs in the caller's thread."""
    seconds: float
    """The expected seconds of audio."""
    pause: float = 0.0
    """Seconds of silence after it."""


@dataclass(frozen=True, slots=True)
class LoadedVoice:
    """A voice that is ready to speak; thread-safe."""

    phrases: Callable[[str], Sequence[Phrase]]
    """Returns the phrases of a sentence; empty if nothing can be spoken."""
    pace: Pace
    rate: float
    """The throughput of one thread, measured at load, in seconds of audio per second."""
    vocabulary: Container[str] = ()
    """The phonemes that it can make, if its provider takes them."""

    @classmethod
    def warmed_up(
        cls, phrases: Callable[[str], Sequence[Phrase]], sample_rate: int, texts: Sequence[str] = WARM_UP
    ) -> LoadedVoice:
        """Speaks a short and a long text, and measures pace and throughput. Raises the errors of the phrases."""
        measurements = []
        for text in texts:
            of_text = phrases(text)
            start = time.perf_counter()
            seconds = sum(len(phrase.speak(1.0, NoiseKey())) for phrase in of_text) / sample_rate
            rate = seconds / (time.perf_counter() - start)
            measurements.append((sum(phrase.symbols for phrase in of_text), seconds))
        return cls(phrases, Pace.measured(*measurements), rate)

    def plan(self, text: SpokenText, seed: int) -> list[TimedPhrase]:
        """Returns the phrases of a text, whose noise follows from ``seed``."""
        phrases = [
            (phrase, sentence.speed, pause)
            for sentence in text.sentences
            for phrase, pause in sentence.paused(self.phrases(sentence.transcribed))
        ]
        return [
            TimedPhrase(
                partial(phrase.speak, speed, NoiseKey(seed, number)), self.pace.seconds(phrase.symbols, speed), pause
            )
            for number, (phrase, speed, pause) in enumerate(phrases)
        ]


def valid_audio(samples: Samples) -> Samples:
    """Returns a model's output, clipped to -1 to 1. Raises EngineFailed when it has values that are not finite."""
    if not np.isfinite(samples).all():
        raise EngineFailed("the voice's model gave numbers that are not audio")
    return samples.clip(-1.0, 1.0)
