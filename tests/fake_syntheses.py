"""Syntheses of a few lines for tests of the cache: noise in chunks, as far as the test lets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import numpy as np

from otel.contract.values import CacheResult, Stage
from server.audio.wav import pcm16
from server.record import Synthesis
from server.synthesis.cache.cache import Cache
from server.synthesis.cache.shared import SharedTier
from server.utterance import Chunk, Interval, Listener, Utterance, Voice

SECRET = b"a secret of the tests' own"
TENANT = "default"
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
        self.seed = seed
        self.synthesis = Murmured(utterance(), self)
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
        self.synthesis.seed = self.seed
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


class Murmured(Synthesis):
    """A synthesis that a murmur makes."""

    def __init__(
        self,
        utterance: Utterance,
        murmur: Murmur,
        *,
        streamed: bool = False,
        fresh: bool = False,
        tenant: str = TENANT,
    ) -> None:
        super().__init__(utterance, Listener(streamed, tenant=tenant), fresh)
        self.murmur = murmur


class Murmuring:
    """Has every synthesis made by its murmur, and remembers whom it was asked about."""

    def __init__(self) -> None:
        self.checked: list[Synthesis] = []

    def check(self, synthesis: Synthesis) -> None:
        self.checked.append(synthesis)

    def speak(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        assert isinstance(synthesis, Murmured)
        return synthesis.murmur()


class Hearing:
    """What a request gets of the cache."""

    def __init__(self, synthesis: Murmured, chunks: AsyncGenerator[Chunk, None], *, new: bool) -> None:
        self._synthesis, self._chunks = synthesis, chunks
        self.new = new
        """Whether it was sure beforehand that its synthesis begins with it."""

    @property
    def result(self) -> CacheResult | None:
        return self._synthesis.cache

    @property
    def seed(self) -> int | None:
        return self._synthesis.seed

    @property
    def synthesis(self) -> Synthesis | None:
        return self._synthesis.source

    def chunks(self) -> AsyncGenerator[Chunk, None]:
        return self._chunks


class MurmurCache(Cache):
    """A cache of murmurs."""

    def __init__(
        self, max_bytes: int, secret: bytes, shared: SharedTier | None = None, *, tenants_share: bool = False
    ) -> None:
        self.maker = Murmuring()
        super().__init__(max_bytes, secret, self.maker, shared, tenants_share=tenants_share)

    def hear(
        self,
        utterance: Utterance,
        seconds: float,
        murmur: Murmur,
        *,
        streamed: bool = False,
        bypass: bool = False,
        tenant: str = TENANT,
    ) -> Hearing:
        """The utterance, murmured; with the murmur's own synthesis the first time."""
        synthesis = Murmured(utterance, murmur, streamed=streamed, fresh=bypass, tenant=tenant)
        synthesis.estimated_seconds = seconds
        synthesis.sound, synthesis.first_choice = murmur.synthesis.sound, murmur.synthesis.first_choice
        if murmur.synthesis.cache is None:
            murmur.synthesis = synthesis
        return Hearing(synthesis, self.open(synthesis), new=synthesis in self.maker.checked)


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
