"""The cache as a synthesis meets it: a clip that is there, one that is being made, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from otel.contract.values import CacheResult
from server.errors import ShuttingDown
from server.synthesis.cache.clip import size_of
from server.synthesis.cache.key import Keys
from server.synthesis.cache.memory import MemoryTier
from server.synthesis.cache.shared import SharedTier
from server.synthesis.cache.shared_synthesis import Find, Make, SharedSynthesis
from server.synthesis_record import Synthesis
from server.utterance import Chunk, Utterance

LARGEST_SHARE = 8
"""No clip takes more than one part in so many of the cache: one long text does not push out all the others."""


@dataclass(frozen=True, slots=True, eq=False)
class _Wish:
    """What a request asks the cache for."""

    key: bytes
    streamed: bool
    """A stream begins early, which a synthesis for a whole answer does not: they are not made together."""
    size: int
    """Bytes that the clip will take, about."""
    synthesis: Synthesis
    make: Make


class AudioSource:
    """The audio of an utterance, wherever it comes from."""

    def __init__(
        self,
        result: CacheResult,
        synthesis: Synthesis | None,
        source: Callable[[AudioSource], AsyncGenerator[Chunk, None]],
        *,
        new: bool = False,
    ) -> None:
        self.result = result
        """A HIT stays one; else it is as things stand, and final with the first chunk."""
        self.synthesis = synthesis
        """What becomes of the synthesis that is heard, which may be another request's; None if there is none."""
        self.new = new
        """Whether it is sure, as things stand, that its synthesis begins with it."""
        self._source = source

    def chunks(self) -> AsyncGenerator[Chunk, None]:
        """The audio, in order, to be heard once; closing the generator is leaving. Raises what the synthesis does."""
        return self._source(self)


class Cache:
    """Clips in memory and, where there is a ``shared`` tier, among servers; equal requests at a time are made once."""

    def __init__(self, max_bytes: int, secret: bytes, shared: SharedTier | None = None) -> None:
        """``max_bytes`` is for clips in memory; what is being made may take as much again. 0 switches everything off.

        Raises ValueError when the secret is too short to keep one.
        """
        self._max_bytes = max_bytes
        self._largest = max_bytes // LARGEST_SHARE
        self._keys = Keys(secret)
        self._memory = MemoryTier(max_bytes)
        self._shared = shared
        self._flights: dict[tuple[bytes, bool], tuple[_Wish, SharedSynthesis]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def bytes(self) -> int:
        """Held in memory now, never more than allowed."""
        return self._memory.held_bytes

    @property
    def entries(self) -> int:
        return self._memory.entries

    @property
    def evictions(self) -> int:
        """Clips that had to make room for others, so far."""
        return self._memory.evictions

    def hear(
        self,
        utterance: Utterance,
        seconds: float,
        synthesis: Synthesis,
        make: Make,
        *,
        streamed: bool = False,
        bypass: bool = False,
    ) -> AudioSource:
        """The utterance's audio, which is estimated to be so many ``seconds`` long, for somebody who hears it as it
        comes (``streamed``) or when it is whole.

        ``make`` begins its synthesis and keeps the account of it in ``synthesis``. It is called, when it is, as the
        first chunk is asked for. What it makes is kept if it turns out sound, and of the voice's first choice.
        """
        size = size_of(seconds, utterance.voice.sample_rate)
        if bypass or size > self._largest or not self._max_bytes:
            return AudioSource(CacheResult.BYPASS, synthesis, lambda _: make(), new=True)
        key = self._keys.of(utterance)
        clip = self._memory.get(key)
        if clip is not None:
            return AudioSource(CacheResult.HIT, None, lambda _: clip.chunks())
        result, heard, new = CacheResult.MISS, synthesis, self._shared is None
        if (key, streamed) in self._flights:
            result, heard, new = CacheResult.COALESCED, self._flights[key, streamed][0].synthesis, False
        wish = _Wish(key, streamed, size, synthesis, make)
        return AudioSource(result, heard, lambda hearing: self._together(hearing, wish), new=new)

    async def close(self) -> None:
        """Ends what is under way, with ShuttingDown for those who listen, and lets go of the shared tier."""
        for _, flight in list(self._flights.values()):
            flight.stop(ShuttingDown("the server is shutting down"))
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._shared is not None:
            await self._shared.close()

    async def _together(self, hearing: AudioSource, wish: _Wish) -> AsyncGenerator[Chunk, None]:
        """What is there by now, what is being made for another, or a synthesis that others may join."""
        flight: SharedSynthesis | None = None
        clip = self._memory.get(wish.key)
        if clip is not None:
            hearing.result, hearing.synthesis = CacheResult.HIT, None
            source = clip.chunks()
        elif (wish.key, wish.streamed) in self._flights:
            leader, flight = self._flights[wish.key, wish.streamed]
            hearing.result, hearing.synthesis = CacheResult.COALESCED, leader.synthesis
            source = flight.listen()
        elif wish.size + sum(other.size for other, _ in self._flights.values()) > self._max_bytes:
            hearing.result, hearing.synthesis = CacheResult.BYPASS, wish.synthesis
            source = wish.make()
        else:
            flight = self._launch(wish)
            hearing.result, hearing.synthesis = CacheResult.MISS, wish.synthesis
            source = flight.listen(leads=True)
        async with aclosing(source) as chunks:
            async for chunk in chunks:
                if flight is not None and flight.found:
                    hearing.result, hearing.synthesis = CacheResult.HIT, None
                yield chunk

    def _launch(self, wish: _Wish) -> SharedSynthesis:
        flight = SharedSynthesis(wish.make, lambda flight: self._landed(wish, flight), self._finder(wish))
        self._flights[wish.key, wish.streamed] = wish, flight
        task = flight.start()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return flight

    def _finder(self, wish: _Wish) -> Find | None:
        shared = self._shared
        return None if shared is None else lambda: shared.get(wish.key, wish.size, self._largest)

    def _landed(self, wish: _Wish, flight: SharedSynthesis) -> None:
        """Keeps what is worth it."""
        del self._flights[wish.key, wish.streamed]
        clip = flight.clip
        if flight.failure is not None or clip is None or len(clip.pcm) > self._largest:
            return
        if flight.found:
            self._memory.put(wish.key, clip)
        elif wish.synthesis.sound and wish.synthesis.first_choice:
            self._memory.put(wish.key, clip)
            if self._shared is not None:
                self._shared.put(wish.key, clip)
