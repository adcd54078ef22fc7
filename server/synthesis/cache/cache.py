"""The cache in front of every synthesis: each request is a hit, joins a running synthesis, or starts one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Protocol

from otel.contract.values import CacheResult
from server.errors import ShuttingDown
from server.record import Synthesis
from server.synthesis.cache.clip import Clip, size_of
from server.synthesis.cache.key import Keys
from server.synthesis.cache.memory import MemoryTier
from server.synthesis.cache.shared import SharedTier
from server.synthesis.cache.shared_synthesis import Find, SharedSynthesis
from server.utterance import Chunk

LARGEST_SHARE = 8
"""A clip takes at most 1 / LARGEST_SHARE of the cache, so that one long text does not evict all others."""


class Maker(Protocol):
    """Makes the audio on a cache miss."""

    def check(self, synthesis: Synthesis) -> None:
        """Raises QueueFull when there is no room for the synthesis."""
        ...

    def speak(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """Yields the audio of the synthesis in order; work begins when the first chunk is requested."""
        ...


Key = tuple[bytes, bool]
"""The clip's key, and whether it is streamed. A stream needs its first audio early and a whole answer does not, so the
two never share a synthesis."""


class Cache:
    """Clips in memory and, with a ``shared`` tier, on Redis; concurrent equal requests share a synthesis.

    Tenants share no clip and no synthesis, so neither the cache result nor the time of an answer tells one of them what
    another has requested.
    """

    def __init__(
        self,
        max_bytes: int,
        secret: bytes,
        maker: Maker,
        shared: SharedTier | None = None,
        *,
        tenants_share: bool = False,
    ) -> None:
        """``max_bytes`` limits the clips in memory; running syntheses may take as much again. 0 disables the cache.

        ``tenants_share`` lets all tenants share the clips of voices that belong to none of them. Raises ValueError when
        the secret is too short.
        """
        self._max_bytes = max_bytes
        self._largest = max_bytes // LARGEST_SHARE
        self._keys = Keys(secret)
        self._tenants_share = tenants_share
        self._maker = maker
        self._memory = MemoryTier(max_bytes)
        self._shared_tier = shared
        self._under_way: dict[Key, SharedSynthesis] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def bytes(self) -> int:
        """The bytes held in memory; never above the limit."""
        return self._memory.held_bytes

    @property
    def entries(self) -> int:
        """The number of clips held in memory."""
        return self._memory.entries

    @property
    def evictions(self) -> int:
        """The number of clips evicted since the start."""
        return self._memory.evictions

    @property
    def invalid(self) -> int:
        """The number of values in the shared tier that were not the clips that their keys stand for."""
        return self._shared_tier.invalid if self._shared_tier is not None else 0

    def open(self, synthesis: Synthesis) -> AsyncGenerator[Chunk, None]:
        """Returns a generator that yields the audio in order; closing it removes this listener.

        Records the cache result in ``synthesis``: HIT is final, any other result is provisional until the first chunk.
        Raises QueueFull immediately when a synthesis is certain to be needed and there is no room for it: in an
        overload that is most requests. The generator raises the errors of the synthesis.

        Without a stated seed, any take may be found; its seed is recorded in ``synthesis``. All audio is rounded to 16
        bits, so that the cache makes no difference to it.

        New audio is stored if it is sound and comes from the voice's first provider. Fresh requests and timed
        utterances bypass the cache: the words of the times are text, which the cache never holds.
        """
        size = _size(synthesis)
        if synthesis.fresh or synthesis.utterance.timed or size > self._largest or not self._max_bytes:
            synthesis.take_from(CacheResult.BYPASS)
            self._maker.check(synthesis)
            return _rounded(self._maker.speak(synthesis))
        key = self._keys.of(synthesis.utterance, self._partition(synthesis)), synthesis.listener.streamed
        clip = self._memory.get(key[0])
        if clip is not None:
            synthesis.take_from(CacheResult.HIT, seed=clip.seed)
            return clip.chunks()
        shared = self._joinable(key)
        if shared is not None:
            synthesis.take_from(CacheResult.COALESCED, shared.synthesis)
        else:
            synthesis.take_from(CacheResult.MISS)
            if self._shared_tier is None:  # else the shared tier may have the clip
                self._maker.check(synthesis)
        return self._shared_chunks(synthesis, key)

    async def close(self) -> None:
        """Cancels running syntheses, whose listeners get ShuttingDown, and closes the shared tier."""
        for shared in list(self._under_way.values()):
            shared.stop(ShuttingDown("the server is shutting down"))
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._shared_tier is not None:
            await self._shared_tier.close()

    async def _shared_chunks(self, synthesis: Synthesis, key: Key) -> AsyncGenerator[Chunk, None]:
        """Yields a clip stored by now, the chunks of another request's synthesis, or those of a new one."""
        shared: SharedSynthesis | None = None
        clip = self._memory.get(key[0])
        if clip is not None:
            synthesis.take_from(CacheResult.HIT, seed=clip.seed)
            source = clip.chunks()
        elif (shared := self._joinable(key)) is not None:
            synthesis.take_from(CacheResult.COALESCED, shared.synthesis)
            source = shared.listen()
        elif _size(synthesis) + self._bytes_under_way() > self._max_bytes:
            synthesis.take_from(CacheResult.BYPASS)
            source = _rounded(self._maker.speak(synthesis))
        else:
            synthesis.take_from(CacheResult.MISS)
            shared = self._launch(synthesis, key)
            source = shared.listen(leads=True)
        async with aclosing(source) as chunks:
            async for chunk in chunks:
                if shared is not None and shared.hit:
                    synthesis.take_from(CacheResult.HIT, seed=shared.synthesis.seed)
                yield chunk

    def _partition(self, synthesis: Synthesis) -> str | None:
        """Returns the tenant whose clips the synthesis may use; None for clips that all tenants share."""
        shares = self._tenants_share and not synthesis.utterance.voice.registered
        return None if shares else synthesis.listener.tenant

    def _joinable(self, key: Key) -> SharedSynthesis | None:
        """Returns the running synthesis of an equal request; None if there is none, or it is over."""
        shared = self._under_way.get(key)
        return None if shared is None or shared.over else shared

    def _bytes_under_way(self) -> int:
        """Returns the estimated bytes of the clips that are being made."""
        return sum(_size(shared.synthesis) for shared in self._under_way.values() if not shared.over)

    def _launch(self, synthesis: Synthesis, key: Key) -> SharedSynthesis:
        self._under_way[key] = shared = SharedSynthesis(synthesis)
        task = shared.start(self._run(shared, key))
        self._tasks.add(task)
        task.add_done_callback(partial(self._forget, key, shared))
        return shared

    async def _run(self, shared: SharedSynthesis, key: Key) -> None:
        """Fills a shared synthesis from the shared tier or by the maker, and stores the clip if it qualifies.

        There is no await between the end and the store, so the clip is stored before any listener sees the end.
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
        """Returns the look-up in the shared tier; None without that tier."""
        tier = self._shared_tier
        return None if tier is None else partial(tier.get, key[0], _size(synthesis), self._largest)

    def _forget(self, key: Key, shared: SharedSynthesis, task: asyncio.Task[None]) -> None:
        """Drops a shared synthesis that has ended; a newer one may already hold its key."""
        self._tasks.discard(task)
        if self._under_way.get(key) is shared:
            del self._under_way[key]


async def _rounded(chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
    """Yields chunks with their samples as the cache would store them."""
    async with aclosing(chunks):
        async for chunk in chunks:
            yield replace(chunk, samples=Clip.of(chunk).chunk().samples)


def _size(synthesis: Synthesis) -> int:
    """Returns the estimated bytes of the clip."""
    return size_of(synthesis.estimated_seconds, synthesis.utterance.voice.sample_rate)
