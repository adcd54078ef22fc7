"""The cache in front of every synthesis: a clip that is kept, one that is being made for another request, or none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial
from typing import Protocol

from otel.contract.values import CacheResult
from server.errors import ShuttingDown
from server.record import Synthesis
from server.synthesis.cache.clip import size_of
from server.synthesis.cache.key import Keys
from server.synthesis.cache.memory import MemoryTier
from server.synthesis.cache.shared import SharedTier
from server.synthesis.cache.shared_synthesis import Find, SharedSynthesis
from server.utterance import Chunk

LARGEST_SHARE = 8
"""No clip takes more than one part in so many of the cache: one long text does not push out all the others."""


class Maker(Protocol):
    """The part of the server that makes what is not kept."""

    def check(self, synthesis: Synthesis) -> None:
        """Raises QueueFull when there is no room for the synthesis."""
        ...

    def speak(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """The audio of the synthesis, in order; work begins as the first chunk is asked for."""
        ...


Key = tuple[bytes, bool]
"""The clip's name, and whether it is streamed: a stream begins early, which a synthesis for a whole answer does not, so
they are not made together."""


class Cache:
    """Clips in memory and, with a ``shared`` tier, among servers; equal requests at one time share a synthesis."""

    def __init__(self, max_bytes: int, secret: bytes, maker: Maker, shared: SharedTier | None = None) -> None:
        """``max_bytes`` is for clips in memory; what is being made may take as much again. 0 switches everything off.

        Raises ValueError when the secret is too short to keep one.
        """
        self._max_bytes = max_bytes
        self._largest = max_bytes // LARGEST_SHARE
        self._keys = Keys(secret)
        self._maker = maker
        self._memory = MemoryTier(max_bytes)
        self._shared_tier = shared
        self._under_way: dict[Key, SharedSynthesis] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def bytes(self) -> int:
        """The bytes held in memory now, never more than allowed."""
        return self._memory.held_bytes

    @property
    def entries(self) -> int:
        """The clips held in memory now."""
        return self._memory.entries

    @property
    def evictions(self) -> int:
        """Clips that had to make room for others, so far."""
        return self._memory.evictions

    def open(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """Returns the audio, in order, to be heard once; closing the generator is leaving.

        Notes in ``synthesis`` where the audio comes from: HIT stays, anything else is as things stand, and final with
        the first chunk. Raises QueueFull at once where it is sure that a synthesis begins for which there is no room:
        in an overload most find none. The generator raises what the synthesis does.

        What is made is kept if it turns out sound, and of the voice's first provider. A timed utterance is made for
        itself, as is what the client wants fresh: the times' words are text, which the cache never holds.
        """
        size = _size(synthesis)
        if synthesis.fresh or synthesis.utterance.timed or size > self._largest or not self._max_bytes:
            synthesis.take_from(CacheResult.BYPASS)
            self._maker.check(synthesis)
            return self._maker.speak(synthesis)
        key = self._keys.of(synthesis.utterance), synthesis.listener.streamed
        clip = self._memory.get(key[0])
        if clip is not None:
            synthesis.take_from(CacheResult.HIT)
            return clip.chunks()
        shared = self._joinable(key)
        if shared is not None:
            synthesis.take_from(CacheResult.COALESCED, shared.synthesis)
        else:
            synthesis.take_from(CacheResult.MISS)
            if self._shared_tier is None:  # else another server may have it
                self._maker.check(synthesis)
        return self._shared_chunks(synthesis, key)

    async def close(self) -> None:
        """Ends what is under way, with ShuttingDown for those who listen, and lets go of the shared tier."""
        for shared in list(self._under_way.values()):
            shared.stop(ShuttingDown("the server is shutting down"))
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._shared_tier is not None:
            await self._shared_tier.close()

    async def _shared_chunks(self, synthesis: Synthesis, key: Key) -> AsyncGenerator[Chunk, None]:
        """A clip that is kept by now, a synthesis under way for another request, or one that others may join."""
        shared: SharedSynthesis | None = None
        clip = self._memory.get(key[0])
        if clip is not None:
            synthesis.take_from(CacheResult.HIT)
            source = clip.chunks()
        elif (shared := self._joinable(key)) is not None:
            synthesis.take_from(CacheResult.COALESCED, shared.synthesis)
            source = shared.listen()
        elif _size(synthesis) + self._bytes_under_way() > self._max_bytes:
            synthesis.take_from(CacheResult.BYPASS)
            source = self._maker.speak(synthesis)
        else:
            synthesis.take_from(CacheResult.MISS)
            shared = self._launch(synthesis, key)
            source = shared.listen(leads=True)
        async with aclosing(source) as chunks:
            async for chunk in chunks:
                if shared is not None and shared.hit:
                    synthesis.take_from(CacheResult.HIT)
                yield chunk

    def _joinable(self, key: Key) -> SharedSynthesis | None:
        """The equal synthesis that is under way; None if there is none, or it is over."""
        shared = self._under_way.get(key)
        return None if shared is None or shared.over else shared

    def _bytes_under_way(self) -> int:
        """The bytes, about, that clips will take which are being made."""
        return sum(_size(shared.synthesis) for shared in self._under_way.values() if not shared.over)

    def _launch(self, synthesis: Synthesis, key: Key) -> SharedSynthesis:
        self._under_way[key] = shared = SharedSynthesis(synthesis)
        task = shared.start(self._run(shared, key))
        self._tasks.add(task)
        task.add_done_callback(partial(self._forget, key, shared))
        return shared

    async def _run(self, shared: SharedSynthesis, key: Key) -> None:
        """Fills a shared synthesis from the shared tier, or has it made, and keeps its clip if it is worth it.

        Nothing waits between the end and the keeping, so no listener knows of the one before the other is done.
        """
        await shared.fill(self._maker.speak, self._finder(shared.synthesis, key))
        clip = shared.clip
        if shared.failure is not None or clip is None or len(clip.pcm) > self._largest:
            return
        if shared.hit:
            self._memory.put(key[0], clip)
        elif shared.synthesis.sound and shared.synthesis.first_choice:
            self._memory.put(key[0], clip)
            if self._shared_tier is not None:
                self._shared_tier.put(key[0], clip)

    def _finder(self, synthesis: Synthesis, key: Key) -> Find | None:
        """What looks for the clip among the other servers; None without them."""
        tier = self._shared_tier
        return None if tier is None else partial(tier.get, key[0], _size(synthesis), self._largest)

    def _forget(self, key: Key, shared: SharedSynthesis, task: asyncio.Task[None]) -> None:
        """Lets go of a shared synthesis that has ended; another one may have taken its place already."""
        self._tasks.discard(task)
        if self._under_way.get(key) is shared:
            del self._under_way[key]


def _size(synthesis: Synthesis) -> int:
    """The bytes that the clip will take, about."""
    return size_of(synthesis.estimated_seconds, synthesis.utterance.voice.sample_rate)
