"""Clips that servers share on Redis. If Redis is slow, wrong or gone, there are more cache misses and no errors."""

from __future__ import annotations

import asyncio
import logging

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, ResponseError

from server.logs import LOGGER
from server.redis_link import BACK_OFF_SECONDS, Availability, connection_pool
from server.synthesis.cache.clip import Clip
from server.synthesis.cache.seal import ADDED_BYTES, Seal

PREFIX = "ttscope:clip:"
EXPIRY_SECONDS = 24 * 3600
LOOKUP_SECONDS = 0.05
"""Timeout for a miss, which delays the synthesis. A local Redis takes 0.3 ms."""
BYTES_PER_SECOND = 50e6
"""The least transfer rate of a clip: half of what a network of 1 Gbit/s carries."""
WRITE_SECONDS = 2.0
MAX_WRITES = 8
"""The most concurrent writes; further clips are not shared. Each write holds its clip in memory twice."""

_CONSEQUENCE = "speech goes on without it"

logger = logging.getLogger(f"{LOGGER}.cache")


class SharedTier:
    """Encrypted clips on Redis, stored under keyed hashes for a day."""

    def __init__(
        self, url: str, secret: bytes, *, prefix: str = PREFIX, back_off_seconds: float = BACK_OFF_SECONDS
    ) -> None:
        """``url`` is redis://, rediss:// or unix://. The connection is opened on first use.

        Raises ValueError when the URL is invalid or the secret is too short; the message never contains the URL.
        """
        self._prefix = prefix.encode()
        self._seal = Seal(secret)
        self._redis = Redis.from_pool(connection_pool(url))
        self._link = Availability(logger, "the shared cache can't be reached", _CONSEQUENCE, back_off_seconds)
        self._room = Availability(logger, "the shared cache takes no clips", _CONSEQUENCE, back_off_seconds)
        self._writes: set[asyncio.Task[None]] = set()
        self.invalid = 0
        """The number of values that were found under a clip's key and are not that clip."""

    async def get(self, key: bytes, about: int, at_most: int) -> Clip | None:
        """Returns the clip, or None for a miss, a timeout or any other failure. Raises only CancelledError.

        ``about`` is the expected number of bytes of audio, ``at_most`` the most that are read.
        """
        if not self._link.usable():
            return None
        try:
            async with asyncio.timeout(LOOKUP_SECONDS + about / BYTES_PER_SECOND):
                # A range, so that no other writer to this Redis can fill our memory; its end is inclusive.
                value: object = await self._redis.getrange(self._prefix + key, 0, ADDED_BYTES + at_most)
        except Exception as error:  # noqa: BLE001 - no protocol error of Redis may stop speech
            if isinstance(error, ResponseError) and not isinstance(error, NoPermissionError):
                self.invalid += 1  # the key holds something other than a string
                return None
            self._link.failed(error)
            return None
        self._link.worked()
        if not isinstance(value, bytes) or not value or len(value) > ADDED_BYTES + at_most:
            return None  # missing, or for a server with a larger cache
        clip = await asyncio.to_thread(self._seal.unwrap, key, value)
        self.invalid += clip is None
        return clip

    def put(self, key: bytes, clip: Clip) -> None:
        """Writes the clip in the background; skipped while writes fail or MAX_WRITES are running."""
        if len(self._writes) < MAX_WRITES and self._link.well and self._room.usable():
            task = asyncio.create_task(self._write(key, clip))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """Waits for running writes, each limited by WRITE_SECONDS, and closes the connections."""
        await asyncio.gather(*self._writes)
        await self._redis.aclose()

    async def _write(self, key: bytes, clip: Clip) -> None:
        value = await asyncio.to_thread(self._seal.wrap, key, clip)
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                await self._redis.set(self._prefix + key, value, ex=EXPIRY_SECONDS)
        except ResponseError as error:
            self._room.failed(error)
        except Exception as error:  # noqa: BLE001 - as in ``get``
            self._link.failed(error)
        else:
            self._room.worked()
