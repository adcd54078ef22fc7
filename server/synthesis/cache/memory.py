"""The in-process tier of the cache: the most recently used clips, limited in bytes."""

from __future__ import annotations

from cachetools import LRUCache

from server.synthesis.cache.clip import Clip

OVERHEAD_BYTES = 512
"""Memory of an entry besides its samples: key, clip, and slots in the dicts. Measured: 310 to 400, as the dicts grow
(CPython 3.11, 64 bit)."""


class MemoryTier:
    """Clips by key; the least recently used ones are evicted first."""

    def __init__(self, max_bytes: int) -> None:
        self._clips = _Clips(max_bytes, getsizeof=lambda clip: len(clip.pcm) + OVERHEAD_BYTES)

    @property
    def held_bytes(self) -> int:
        """The bytes of clips and their entries; never above the limit."""
        return int(self._clips.currsize)

    @property
    def entries(self) -> int:
        return len(self._clips)

    @property
    def evictions(self) -> int:
        """The number of clips evicted since the start."""
        return self._clips.evictions

    def get(self, key: bytes) -> Clip | None:
        return self._clips.get(key)

    def put(self, key: bytes, clip: Clip) -> None:
        """Stores the clip, unless it is larger than the whole cache."""
        if self._clips.getsizeof(clip) <= self._clips.maxsize:
            self._clips[key] = clip


class _Clips(LRUCache[bytes, Clip]):
    evictions = 0

    def popitem(self) -> tuple[bytes, Clip]:
        self.evictions += 1
        return super().popitem()
