"""Turns an utterance into chunks of audio: from the cache, a running synthesis, or the fallback chain.

This is the only caller of admission: for each request on arrival, and for each synthesis before it starts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Container, Mapping
from contextlib import AbstractContextManager, aclosing

from otel.contract.values import CacheResult
from server.access.caller import Caller
from server.errors import DeadlineExceeded, NotReady
from server.record import RequestRecord, Synthesis
from server.synthesis.admission import Admission
from server.synthesis.cache.cache import Cache
from server.synthesis.fallback.chain import FallbackChain
from server.synthesis.request_slot import RequestSlot
from server.utterance import Chunk, Utterance, Voice

START_SECONDS = 10
"""Retry-After in seconds while models load."""
GRACE_SECONDS = 1.0
"""Seconds beyond the deadline. The chain meets it, but a coalesced request may wait for an earlier one's synthesis."""


class AdmittedChain:
    """The fallback chain behind admission control; the cache calls it on a miss."""

    def __init__(self, chain: FallbackChain, admission: Admission) -> None:
        self._chain = chain
        self._admission = admission

    def check(self, synthesis: Synthesis) -> None:
        """Raises QueueFull when too much audio is pending."""
        self._admission.check(synthesis.estimated_seconds)

    async def speak(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """Yields the audio in order. Raises QueueFull before any chunk, and the errors of the chain."""
        with self._admission.admit_synthesis(synthesis.estimated_seconds) as slot:
            async with aclosing(self._chain.speak(synthesis, slot)) as chunks:
                async for chunk in chunks:
                    with slot.paused():  # while the reader is not waiting, it must not block others
                        yield chunk


class Synthesizer:
    """Synthesizes requests once the providers are ready."""

    def __init__(self, chain: FallbackChain, cache: Cache, admission: Admission, deadline_seconds: float) -> None:
        """``deadline_seconds`` is the timeout of a whole answer, and of each chunk of a stream."""
        self._chain = chain
        self._cache = cache
        self._admission = admission
        self._deadline_seconds = deadline_seconds
        self._ready = False

    @property
    def ready(self) -> bool:
        """Whether any provider can speak. False before the voices are loaded, and while the only provider restarts its
        worker process."""
        return self._ready and self._chain.able

    def check_ready(self) -> None:
        """Raises NotReady when no provider can speak."""
        if not self.ready:
            reason = "the speech engine is restarting" if self._ready else "the voices are still loading"
            raise NotReady(reason, retry_after=START_SECONDS)

    @property
    def installed(self) -> Mapping[str, Voice]:
        """The voices that are everybody's, by name."""
        return self._chain.voices()

    def voices(self, caller: Caller) -> Mapping[str, Voice]:
        """Returns the voices that a caller may use, by name: installed ones, and those that its tenant registered."""
        voices = self._chain.voices(caller.tenant)
        if caller.voices is None:
            return voices
        return {name: voice for name, voice in voices.items() if caller.may_use(name)}

    def has_voice(self, name: str, tenant: str) -> bool:
        """Returns whether a tenant has the voice of this name, which not all of its callers may use."""
        return name in self._chain.voices(tenant)

    def require(self, utterance: Utterance) -> None:
        """Raises UnsupportedByVoice when no provider of the voice has the abilities that the utterance needs."""
        self._chain.require(utterance)

    def changes_language(self, voice: Voice) -> bool:
        """Whether a provider can speak parts of a text in other languages with the voice."""
        return self._chain.changes_language(voice)

    def phonemes(self, voice: Voice) -> Container[str] | None:
        """Returns the phonemes that the voice can make; None if its first provider takes none."""
        return self._chain.phonemes(voice)

    def estimate(self, utterance: Utterance) -> float:
        """Returns the estimated seconds of audio. Raises NotReady, and UnknownVoice for a voice that was removed."""
        self.check_ready()
        return self._chain.estimate(utterance)

    def refresh(self) -> None:
        """Updates the voices from the providers."""
        self._chain.refresh()

    async def start(self) -> None:
        """Loads and warms up the providers. Raises EngineFailed if none can speak."""
        await self._chain.start()
        self._ready = True

    def end(self) -> None:
        """Makes the synthesizer permanently not ready."""
        self._ready = False

    async def stop(self) -> None:
        self.end()
        await self._cache.close()
        await self._chain.close()

    def admit(self, client: str, size: int) -> AbstractContextManager[RequestSlot]:
        """Admits a request until it is answered. See ``Admission.admit_request``."""
        return self._admission.admit_request(client, size)

    async def speak(self, record: RequestRecord) -> AsyncGenerator[Chunk, None]:
        """Yields the audio of the record's synthesis in order; closing the generator abandons the rest.

        Raises NotReady, QueueFull, NothingToSpeak and TextTooLong before any chunk, EngineFailed at any time,
        DeadlineExceeded when a whole answer or a stream's next chunk is not ready in time, and ValueError for a record
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
                if synthesis.cache is CacheResult.HIT:  # the cache only holds audio of the voice's first provider
                    synthesis.provider = self._chain.first(synthesis.utterance.voice)
                record.mark_chunk(chunk)
                yield chunk
                if synthesis.listener.streamed:
                    deadline = clock() + self._deadline_seconds
