"""From an utterance to chunks of audio: from the cache, from a synthesis under way, or by the chain of providers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from otel.contract.values import CacheResult
from server.errors import DeadlineExceeded, NotReady
from server.record import RequestRecord
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis_record import Synthesis
from server.utterance import Chunk, Listener, Utterance, Voice

START_SECONDS = 10
"""What a client is told to wait while models load."""
GRACE_SECONDS = 1.0
"""Beyond the deadline: the chain keeps it, this is for whoever waits for a synthesis that began for another request."""


class Synthesizer:
    """Speaks once the providers are ready."""

    def __init__(self, chain: FallbackChain, cache: Cache, admission: Admission, deadline_seconds: float) -> None:
        """``deadline_seconds`` is how long a whole answer may take, or a stream's first audio."""
        self._chain = chain
        self._cache = cache
        self._admission = admission
        self._deadline_seconds = deadline_seconds
        self._ready = False

    @property
    def ready(self) -> bool:
        """Whether anybody can speak: not before the voices are loaded, nor while the only provider that there is starts
        its worker process again."""
        return self._ready and self._chain.able

    def check_ready(self) -> None:
        """Raises NotReady when nobody can speak."""
        if not self.ready:
            what = "the speech engine is restarting" if self._ready else "the voices are still loading"
            raise NotReady(what, retry_after=START_SECONDS)

    def voices(self) -> dict[str, Voice]:
        """The voices that can be asked for, by name."""
        return self._chain.voices()

    def require(self, utterance: Utterance) -> None:
        """Raises UnsupportedByVoice when no provider of the voice can do what the utterance needs."""
        self._chain.require(utterance)

    def estimate(self, utterance: Utterance) -> float:
        """About how many seconds of audio it will be. Raises NotReady, and UnknownVoice for a voice that is gone."""
        self.check_ready()
        return self._chain.estimate(utterance)

    def refresh(self) -> None:
        """Offers the voices that there are now."""
        self._chain.refresh()

    async def start(self) -> None:
        """Loads and warms up. Raises EngineFailed if nothing can speak."""
        await self._chain.start()
        self._ready = True

    def end(self) -> None:
        """From now on it is not ready, and never will be."""
        self._ready = False

    async def stop(self) -> None:
        self.end()
        await self._cache.close()
        await self._chain.close()

    async def speak(
        self, utterance: Utterance, record: RequestRecord, listener: Listener, *, fresh: bool = False
    ) -> AsyncGenerator[Chunk, None]:
        """The utterance's audio, in order; closing the generator gives the rest up. ``fresh`` audio is made for this
        request alone, and not kept; so is that of a timed utterance: its words are text, which the cache never holds.

        Raises NotReady, QueueFull, NothingToSpeak, TextTooLong before any chunk, EngineFailed at any time,
        DeadlineExceeded when a whole answer, or a stream's next chunk, was not ready in time.
        """
        self.check_ready()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._deadline_seconds
        seconds = self._chain.estimate(utterance)
        synthesis = Synthesis(origin=listener.origin)

        async def make() -> AsyncGenerator[Chunk, None]:
            with self._admission.admit(seconds) as place:
                speech = self._chain.speak(utterance, listener, synthesis, deadline, place.progress)
                async with aclosing(speech) as chunks:
                    async for chunk in chunks:
                        with place.paused():  # by a reader that does not ask for more: it keeps nobody out
                            yield chunk

        bypass = fresh or utterance.timed
        hearing = self._cache.hear(utterance, seconds, synthesis, make, streamed=listener.streamed, bypass=bypass)
        try:
            if hearing.new:
                with self._admission.admit(seconds):  # in an overload most find no room: before a flight takes off
                    pass
            async with aclosing(hearing.chunks()) as chunks:
                while True:
                    try:
                        async with asyncio.timeout_at(deadline + GRACE_SECONDS):
                            chunk = await anext(chunks)
                    except StopAsyncIteration:
                        return
                    except TimeoutError:
                        raise DeadlineExceeded(
                            f"the audio was not ready within {self._deadline_seconds:g} seconds"
                        ) from None
                    self._heard(utterance, record, hearing.result, hearing.synthesis)
                    record.mark_chunk(chunk)
                    yield chunk
                    if listener.streamed:
                        deadline = loop.time() + self._deadline_seconds
        finally:
            self._heard(utterance, record, hearing.result, hearing.synthesis)

    def _heard(
        self, utterance: Utterance, record: RequestRecord, result: CacheResult, synthesis: Synthesis | None
    ) -> None:
        """Marks where the audio comes from. The cache holds audio of the voice's first provider only."""
        record.cache = result
        record.synthesis = synthesis
        record.provider = synthesis.provider if synthesis else self._chain.first(utterance.voice.name)
