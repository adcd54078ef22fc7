"""A provider of real speech that can be made slow, unreliable or dead."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from otel.contract.values import Stage
from server.errors import EngineFailed
from server.providers.provider import Load, Provider, Reports
from server.utterance import Chunk, Interval, Listener, Utterance, Voice


class Faulty:
    """Passes everything on to ``provider``, under a name of its own if it is given one."""

    def __init__(self, provider: Provider, name: str | None = None) -> None:
        self.name = name or provider.name
        self.abilities = provider.abilities
        self.factor = 1.0
        """Every chunk takes so many times as long."""
        self.pace = 0.0
        """Seconds that a second of audio takes at least, before ``factor``: with more than the machine needs, a chunk
        takes the same time however busy the machine is."""
        self.delay = 0.0
        """Seconds before the first."""
        self.fails_every = 0
        """1: each attempt fails, and so does every probe; 4: every fourth attempt; 0: none."""
        self._provider = provider
        self._attempts = itertools.count(1)

    def voices(self) -> tuple[Voice, ...]:
        return self._provider.voices()

    async def start(self, reports: Reports) -> None:
        await self._provider.start(reports)

    async def check(self) -> None:
        if self.fails_every == 1:
            raise EngineFailed("out of order")
        await self._provider.check()

    def estimate(self, utterance: Utterance) -> float:
        return self._provider.estimate(utterance)

    def load(self) -> Load:
        return self._provider.load()

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        if self.fails_every and next(self._attempts) % self.fails_every == 0:
            raise EngineFailed("out of order")
        await asyncio.sleep(self.delay)
        begun = time.perf_counter()
        async with aclosing(self._provider.speak(utterance, listener)) as chunks:
            async for chunk in chunks:
                made, taken = time.perf_counter_ns(), time.perf_counter() - begun
                await asyncio.sleep(self.factor * max(taken, self.pace * chunk.seconds) - taken)
                longer = Interval(Stage.INFER, made, time.perf_counter_ns())
                yield replace(chunk, intervals=(*chunk.intervals, longer))
                begun = time.perf_counter()

    async def close(self) -> None:
        await self._provider.close()
