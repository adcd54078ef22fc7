"""Clips shared among servers, on a Redis that may be slow, lie, or vanish, and nobody notices but by more misses."""

from __future__ import annotations

import asyncio
import logging
import time

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, ResponseError

from server.logs import LOGGER
from server.synthesis.cache.clip import Clip
from server.synthesis.cache.seal import ADDED_BYTES, Seal

PREFIX = "ttscope:clip:"
EXPIRY_SECONDS = 24 * 3600
LOOKUP_SECONDS = 0.05
"""The time for the answer that there is no such clip, which delays a synthesis. A local Redis takes 0.3 ms."""
BYTES_PER_SECOND = 50e6
"""The pace at which a clip must come; half of what a network of one gigabit a second carries."""
WRITE_SECONDS = 2.0
BACK_OFF_SECONDS = 5.0
MAX_CONNECTIONS = 16
MAX_WRITES = 8
"""Clips on their way at a time; more are not shared. Each is held in memory twice meanwhile."""

logger = logging.getLogger(f"{LOGGER}.cache")


class SharedTier:
    """Clips under keyed hashes, encrypted, for a day."""

    def __init__(
        self, url: str, secret: bytes, *, prefix: str = PREFIX, back_off_seconds: float = BACK_OFF_SECONDS
    ) -> None:
        """``url`` is redis://, rediss:// or unix://. Connects when it is first needed.

        Raises ValueError when the URL can't be one, or the secret is too short; it never tells the URL.
        """
        self._prefix = prefix.encode()
        self._seal = Seal(secret)
        self._redis = _client(url)
        self._link = _Availability("can't be reached", back_off_seconds)
        self._room = _Availability("takes no clips", back_off_seconds)
        self._writes: set[asyncio.Task[None]] = set()

    async def get(self, key: bytes, about: int, at_most: int) -> Clip | None:
        """The clip that some server made, if it can be had at once. Raises nothing but cancellation.

        ``about`` is how many bytes of audio to expect, ``at_most`` how many to take.
        """
        if not self._link.usable():
            return None
        try:
            async with asyncio.timeout(LOOKUP_SECONDS + about / BYTES_PER_SECOND):
                # A range: whoever else writes to this Redis can't fill our memory.
                value: object = await self._redis.getrange(self._prefix + key, 0, ADDED_BYTES + at_most)
        except Exception as error:  # noqa: BLE001 - whatever a broken server makes of the protocol, speech goes on
            if isinstance(error, ResponseError) and not isinstance(error, NoPermissionError):
                return None  # what lies there is something else than a clip
            self._link.failed(error)
            return None
        self._link.worked()
        if not isinstance(value, bytes) or not value:
            return None
        return await asyncio.to_thread(self._seal.unwrap, key, value)

    def put(self, key: bytes, clip: Clip) -> None:
        """Shares the clip in the background; not if that does not work just now, or too many are on their way."""
        if len(self._writes) < MAX_WRITES and self._link.well and self._room.usable():
            task = asyncio.create_task(self._write(key, clip))
            self._writes.add(task)
            task.add_done_callback(self._writes.discard)

    async def close(self) -> None:
        """Lets clips on their way arrive, if they do so in time."""
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


class _Availability:
    """Whether something works, and if not, when it is tried again."""

    def __init__(self, trouble: str, back_off_seconds: float) -> None:
        self._trouble = trouble
        self._back_off_seconds = back_off_seconds
        self._next_try = 0.0
        self.well = True

    def usable(self) -> bool:
        """Whether to try now; in times of trouble one may, and the others only when that one has succeeded."""
        if self.well:
            return True
        moment = time.monotonic()
        if moment < self._next_try:
            return False
        self._next_try = moment + self._back_off_seconds
        return True

    def failed(self, error: Exception) -> None:
        self._next_try = time.monotonic() + self._back_off_seconds
        if self.well:
            self.well = False
            # The class alone: the message of a connection's error has the address.
            logger.warning("the shared cache %s, speech goes on without it: %s", self._trouble, type(error).__name__)

    def worked(self) -> None:
        if not self.well:
            self.well = True
            logger.info("the shared cache works again, it is no longer so that it %s", self._trouble)


def _client(url: str) -> Redis:
    """Raises ValueError, without the URL and what it may hold."""
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=None,  # whoever waits for a connection has a deadline
            protocol=2,  # nothing to negotiate
            retry=Retry(NoBackoff(), 1),  # once, at once: the connection may have been closed while it was idle
        )
        pool.make_connection()  # type: ignore[no-untyped-call]  # does not connect, but finds out about options that there are not
    except (ValueError, TypeError):
        raise ValueError("the shared cache's URL must be redis://, rediss:// or unix://, with valid options") from None
    return Redis.from_pool(pool)
