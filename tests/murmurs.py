"""Syntheses of a few lines for tests of the cache: noise in chunks, as far as the test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import numpy as np

from otel.contract.values import Stage
from server.audio.wav import pcm16
from server.synthesis_record import Synthesis
from server.utterance import Chunk, Interval, Utterance, Voice

SECRET = b"a secret of the tests' own"
VOICE = Voice("joe", ("en",), 22050, "c0ffee")
CHUNK_SAMPLES = 500
TURNS = 50
"""Of the event loop; what is ready to happen has happened by then."""


class Murmur:
    """Speaks ``parts`` chunks of noise, a different one for each ``seed``, then ends, or fails."""

    def __init__(
        self,
        seed: int = 0,
        *,
        parts: int = 4,
        samples: int = CHUNK_SAMPLES,
        failure: BaseException | None = None,
        sound: bool = True,
        first_choice: bool = True,
        allowed: int | None = None,
    ) -> None:
        """A chunk has so many ``samples``; ``allowed`` may be made before the test allows more, None for all."""
        rng = np.random.default_rng(seed)
        noise = rng.uniform(-1.1, 1.1, (parts, samples)).astype(np.float32)
        self.pieces = [pcm16(samples) for samples in noise]
        self.synthesis = Synthesis()
        self.begun = self.closed = self.made = 0
        self._noise = noise
        self._failure = failure
        self._verdict = (sound, first_choice)
        self._allowed = asyncio.Semaphore(parts + 1 if allowed is None else allowed)

    @property
    def pcm(self) -> bytes:
        return b"".join(self.pieces)

    def allow(self, chunks: int = 1) -> None:
        """Lets it make so many more; the end is one too."""
        for _ in range(chunks):
            self._allowed.release()

    async def __call__(self) -> AsyncGenerator[Chunk, None]:
        self.begun += 1
        try:
            for samples in self._noise:
                await self._allowed.acquire()
                self.made += 1
                yield Chunk(samples, VOICE.sample_rate, (Interval(Stage.INFER, 0, 1),))
            await self._allowed.acquire()
            if self._failure is not None:
                raise self._failure
            self.synthesis.sound, self.synthesis.first_choice = self._verdict
        finally:
            self.closed += 1


def utterance(text: str = "hello") -> Utterance:
    return Utterance(text, VOICE, "en", 1, len(text))


async def heard(chunks: AsyncGenerator[Chunk, None]) -> bytes:
    """What a client would get of it."""
    return b"".join([pcm16(chunk.samples) async for chunk in chunks])


async def quiet() -> None:
    """Returns when everything that can go on without the test has gone on."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Waits for something that is bound to happen."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
