"""A provider of a known speed: it hums as fast as it is told, one sentence at a time, and knows what it has to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

from otel.contract.values import Stage
from server.providers.load_tracker import LoadTracker
from server.providers.provider import Load
from server.utterance import Chunk, Interval, Listener, Utterance
from tests.humming_provider import HummingProvider, hum, hummed_seconds


class LoadedProvider(HummingProvider):
    """Makes ``rate`` seconds of audio a second, for all requests together, sentence by sentence in turn."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._tracker = LoadTracker(1, rate)
        self._turn = asyncio.Lock()
        """Held by the sentence that is made; asyncio wakes those that wait for it in their order."""

    def reset(self) -> None:
        """Forgets the measured speed, and forecasts by ``rate``."""
        self._tracker.reset_rate(self.rate)

    def load(self) -> Load:
        return self._tracker.load

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.listeners.append(listener)
        rate = utterance.voice.sample_rate
        with self._tracker.request(self.estimate(utterance)) as request:
            for sentence in filter(str.strip, utterance.text.split(".")):
                request.wait()
                async with self._turn:
                    request.begin()
                    await self.gate.wait()
                    start = time.perf_counter_ns()
                    seconds = hummed_seconds(sentence, utterance)
                    await asyncio.sleep(seconds / self.rate)
                    end = time.perf_counter_ns()
                request.add(seconds, (end - start) / 1e9)
                samples = hum(self.pitch_of(utterance.voice), seconds, rate)
                yield Chunk(samples, rate, (Interval(Stage.INFER, start, end),))
