"""Chunks of audio for an utterance: from the cache, from a synthesis under way, or by the chain of providers.

Admission is asked here alone: for a request as it comes, and for a synthesis before it begins.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing

from otel.contract.values import CacheResult
from server.errors import DeadlineExceeded, NotReady
from server.record import RequestRecord, Synthesis
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.request_slot import RequestSlot
from server.utterance import Chunk, Utterance, Voice

START_SECONDS = 10
"""The seconds after which a client is told to try again while models load."""
GRACE_SECONDS = 1.0
"""The time beyond the deadline: the chain keeps that, but a request may wait for a synthesis that began for another."""


class AdmittedChain:
    """The chain of providers behind admission control: what the cache has audio made by."""

    def __init__(self, chain: FallbackChain, admission: Admission) -> None:
        self._chain = chain
        self._admission = admission

    def check(self, synthesis: Synthesis) -> None:
        """Raises QueueFull when too much audio is waiting to be made."""
        self._admission.check(synthesis.estimated_seconds)

    async def speak(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """The audio of the synthesis, in order. Raises QueueFull before any chunk, and what the chain raises."""
        with self._admission.admit_synthesis(synthesis.estimated_seconds) as slot:
            async with aclosing(self._chain.speak(synthesis, slot)) as chunks:
                async for chunk in chunks:
                    with slot.paused():  # by a reader that does not ask for more: it keeps nobody out
                        yield chunk


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
            reason = "the speech engine is restarting" if self._ready else "the voices are still loading"
            raise NotReady(reason, retry_after=START_SECONDS)

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
        """Ends the synthesizer: it is not ready any more, and never will be."""
        self._ready = False

    async def stop(self) -> None:
        self.end()
        await self._cache.close()
        await self._chain.close()

    def admit(self, client: str, size: int) -> AbstractContextManager[RequestSlot]:
        """Admits a request until it is answered. See ``Admission.admit_request``."""
        return self._admission.admit_request(client, size)

    async def speak(self, record: RequestRecord) -> AsyncGenerator[Chunk, None]:
        """The audio that the record's synthesis asks for, in order; closing the generator gives the rest up.

        Raises NotReady, QueueFull, NothingToSpeak, TextTooLong before any chunk, EngineFailed at any time,
        DeadlineExceeded when a whole answer, or a stream's next chunk, was not ready in time; ValueError for a record
        without a synthesis.
        """
        synthesis = record.synthesis
        if synthesis is None:
            raise ValueError("the record of a request that speaks has a synthesis")
        self.check_ready()
        clock = asyncio.get_running_loop().time
        synthesis.deadline = deadline = clock() + self._deadline_seconds
        synthesis.estimated_seconds = self._chain.estimate(synthesis.utterance)
        async with aclosing(self._cache.open(synthesis)) as chunks:
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
                if synthesis.cache is CacheResult.HIT:  # the cache holds audio of the voice's first provider only
                    synthesis.provider = self._chain.first(synthesis.utterance.voice.name)
                record.mark_chunk(chunk)
                yield chunk
                if synthesis.listener.streamed:
                    deadline = clock() + self._deadline_seconds
