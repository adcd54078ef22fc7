"""A provider that hums instead of speaking: five lines of audio where a test needs no voice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator

import numpy as np

from server.errors import SpeechError
from server.providers.provider import BatchObserver
from server.speech import Chunk, Interval, Listener, Stage, Utterance, Voice

JOE = Voice("joe", ("en", "en-us"), 22050, "c0ffee")
KAN = Voice("kan", ("ja",), 24000, "facade")


class HummingProvider:
    """Hums a tenth of a second for every word, one chunk a sentence; ``gate`` holds it, ``failure`` breaks it."""

    name = "humming"
    rate = 1000.0
    depth = 0
    audio_seconds = 0.0

    def __init__(self, *, ready: bool = True) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self.fail_after = 0
        self.may_start = asyncio.Event()
        if ready:
            self.may_start.set()
        self.closed_generators = 0
        self.listeners: list[Listener] = []
        self.broken: asyncio.Future[Exception] = asyncio.get_running_loop().create_future()

    def voices(self) -> tuple[Voice, ...]:
        return (JOE, KAN)

    def load_seconds(self) -> dict[str, float]:
        return {"joe": 0.25, "kan": 0.5}

    def estimate(self, utterance: Utterance) -> float:
        return 0.1 * utterance.words

    async def start(self, observe: BatchObserver) -> None:
        await self.may_start.wait()

    async def lost(self) -> Exception:
        return await asyncio.shield(self.broken)

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.listeners.append(listener)
        rate = utterance.voice.sample_rate
        try:
            for number, sentence in enumerate(filter(str.strip, utterance.text.split("."))):
                await self.gate.wait()
                if self.failure is not None and number >= self.fail_after:
                    raise self.failure
                start = time.perf_counter_ns()
                seconds = 0.1 * len(sentence.split()) / utterance.speed
                samples = np.sin(2 * np.pi * 220 * np.arange(int(seconds * rate)) / rate).astype(np.float32) / 2
                await asyncio.sleep(0.001)
                middle = time.perf_counter_ns()
                intervals = (Interval(Stage.INFER, start, middle), Interval(Stage.DECODE, middle, middle + 1000))
                yield Chunk(samples, rate, intervals)
        finally:
            self.closed_generators += 1

    async def close(self) -> None:
        self.gate.set()


def failing(error: SpeechError | Exception, after: int = 0) -> HummingProvider:
    """A provider that fails with ``error`` at chunk ``after``."""
    provider = HummingProvider()
    provider.failure, provider.fail_after = error, after
    return provider
