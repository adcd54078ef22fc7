"""The clips that this process holds: the most recently used, within a number of bytes."""

from __future__ import annotations

from cachetools import LRUCache

from server.synthesis.cache.clip import Clip

OVERHEAD_BYTES = 512
"""What an entry takes beside its samples: key, clip, and its places in the dicts. 310 to 400 measured, as those grow
(CPython 3.11, 64 bit)."""


class MemoryTier:
    """Clips by key; the least recently used ones are evicted first."""

    def __init__(self, max_bytes: int) -> None:
        self._clips = _Clips(max_bytes, getsizeof=lambda clip: len(clip.pcm) + OVERHEAD_BYTES)

    @property
    def held_bytes(self) -> int:
        """The bytes of clips and their entries; never more than allowed."""
        return int(self._clips.currsize)

    @property
    def entries(self) -> int:
        return len(self._clips)

    @property
    def evictions(self) -> int:
        """Clips that had to make room for others, so far."""
        return self._clips.evictions

    def get(self, key: bytes) -> Clip | None:
        return self._clips.get(key)

    def put(self, key: bytes, clip: Clip) -> None:
        """Keeps the clip, if it can be kept at all."""
        if self._clips.getsizeof(clip) <= self._clips.maxsize:
            self._clips[key] = clip


class _Clips(LRUCache[bytes, Clip]):
    evictions = 0

    def popitem(self) -> tuple[bytes, Clip]:
        self.evictions += 1
        return super().popitem()
