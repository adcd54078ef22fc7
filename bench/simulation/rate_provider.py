"""A provider of a known speed, such as a remote server: it speaks sentence by sentence, some requests at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import numpy as np

from bench.simulation.timed_provider import voice_at
from server.providers.load_tracker import LoadTracker
from server.providers.pace import estimate
from server.providers.provider import Load, Reports
from server.text.reading import read_utterance
from server.utterance import Ability, Chunk, Listener, Samples, Utterance, Voice

LEVEL = 0.3


class RateProvider:
    """Makes ``rate`` seconds of audio a second for each of ``parallel`` requests; see
    server.providers.provider.Provider."""

    abilities: frozenset[Ability] = frozenset({Ability.MARKUP})

    def __init__(self, name: str, rate: float, parallel: int, sample_rate: int) -> None:
        self.name = name
        self._rate = rate
        self._voice = voice_at(sample_rate)
        self._tracker = LoadTracker(parallel, rate * parallel)
        self._places = asyncio.Semaphore(parallel)

    def voices(self) -> tuple[Voice, ...]:
        return (self._voice,)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._tracker.load

    async def start(self, reports: Reports) -> None: ...

    async def check(self) -> None: ...

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields a chunk for each sentence."""
        total = estimate(utterance)
        sentences = read_utterance(utterance).sentences
        characters = sum(len(sentence.text) for sentence in sentences)
        with self._tracker.request(total) as request:
            for sentence in sentences:
                seconds = total * len(sentence.text) / max(1, characters)
                request.wait()
                async with self._places:
                    request.begin()
                    await asyncio.sleep(seconds / self._rate)
                request.add(seconds, seconds / self._rate)
                yield Chunk(tone(seconds, utterance.voice.sample_rate), utterance.voice.sample_rate)

    async def close(self) -> None: ...


def tone(seconds: float, sample_rate: int) -> Samples:
    """Returns a tone."""
    samples: Samples = (LEVEL * np.sin(0.06 * np.arange(max(1, round(seconds * sample_rate))))).astype(np.float32)
    return samples
