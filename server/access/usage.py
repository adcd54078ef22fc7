"""What each client has used of its limits: in Redis, which servers share, or in memory."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from limits import RateLimitItemPerMinute
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool

from otel.contract.values import RateLimitReason
from server.access.clients import KEY
from server.access.limit_storage import BoundedStorage
from server.access.usage_file import UsageFile
from server.logs import LOGGER
from server.redis_link import BACK_OFF_SECONDS, Availability, connection_pool

PREFIX = "ttscope:limit"
ANSWER_SECONDS = 0.25
"""Timeout of each look-up, which delays the request. A local Redis takes 0.3 ms; an overloaded machine missed 0.1 s."""
MINUTE = 60
DAY = timedelta(days=1)
REMEMBERED = 4096
"""The number of subjects whose hash is cached."""

Result = TypeVar("Result")
Stored = RedisStorage | BoundedStorage
Operation = Callable[[Stored], Awaitable[Result]]

logger = logging.getLogger(f"{LOGGER}.limits")


@dataclass(frozen=True, slots=True)
class Period:
    """A day or a month in UTC."""

    name: str
    """The day or month as ISO 8601 writes it."""
    seconds: int
    """Its length."""
    end: float
    """Its end, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left of a limit."""

    amount: int
    seconds: int
    """The time until there is more, in whole seconds, rounded up."""


def period(reason: RateLimitReason, moment: float) -> Period:
    """Returns the day or month at ``moment``, in Unix seconds, for which the limit ``reason`` counts."""
    now = datetime.fromtimestamp(moment, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if reason is RateLimitReason.CHARACTERS_PER_MONTH:
        begin = day.replace(day=1)
        end = (begin + 31 * DAY).replace(day=1)
        return Period(f"{begin:%Y-%m}", round((end - begin).total_seconds()), end.timestamp())
    return Period(f"{day:%Y-%m-%d}", round(DAY.total_seconds()), (day + DAY).timestamp())


class UsageStore:
    """Counts what clients use. While Redis fails, each server counts in its own memory; no call raises.

    A subject is a client as ``Clients`` identifies it; in Redis it is a keyed hash. Addresses have a memory of their
    own, so that a flood of addresses can't displace what keys have used.
    """

    def __init__(
        self,
        secret: bytes,
        url: str = "",
        *,
        file: Path | None = None,
        clock: Callable[[], float] = time.time,
        back_off_seconds: float = BACK_OFF_SECONDS,
    ) -> None:
        """``url`` is that of Redis. Without one, usage is in memory, and ``file`` keeps what keys have used of their
        quotas. ``clock`` returns Unix seconds. Raises ValueError when the URL is invalid."""
        self.clock = clock
        self._keys, self._addresses = BoundedStorage(clock=clock), BoundedStorage(clock=clock)
        self._file = UsageFile(file, self._keys) if file is not None and not url else None
        self._periods: dict[RateLimitReason, Period] = {}
        self._pool = connection_pool(url) if url else None
        self._redis = _storage(self._pool) if self._pool else None
        self._link = Availability(
            logger,
            "the limits of clients can't be shared through Redis",
            "this server counts by itself",
            back_off_seconds,
        )
        self._name = lru_cache(REMEMBERED)(lambda subject: _keyed(secret, subject)) if url else str

    @property
    def shared(self) -> bool:
        """Whether Redis is used and answers."""
        return self._redis is not None and self._link.well

    def period(self, reason: RateLimitReason) -> Period:
        """Returns the day or month of now, for which the limit ``reason`` counts."""
        moment = self.clock()
        current = self._periods.get(reason)
        if current is None or moment >= current.end:
            current = self._periods[reason] = period(reason, moment)
        return current

    async def all(self, *lookups: Awaitable[Any]) -> list[Any]:
        """Returns the results of ``lookups``, which Redis answers at the same time. Memory needs no tasks for that."""
        if self.shared:
            return await asyncio.gather(*lookups)
        return [await lookup for lookup in lookups]

    async def acquire(self, subject: str, most: int) -> bool:
        """Counts a request of ``subject`` unless there were ``most`` in the last minute; returns whether it did."""
        item, name = RateLimitItemPerMinute(most), self._name(subject)
        return await self._run(subject, lambda storage: MovingWindowRateLimiter(storage).hit(item, name))

    async def minute(self, subject: str, most: int) -> Remaining:
        """Returns how many of ``most`` requests a minute ``subject`` has left."""
        item, name = RateLimitItemPerMinute(most), self._name(subject)
        window = await self._run(subject, lambda storage: MovingWindowRateLimiter(storage).get_window_stats(item, name))
        seconds = math.ceil(window.reset_time - self.clock())
        return Remaining(max(0, window.remaining), min(max(seconds, 1), MINUTE))

    async def used(self, subject: str, reason: RateLimitReason, during: Period) -> int:
        """Returns what ``subject`` has used in a period."""
        key = self._counter(subject, reason, during)
        return await self._run(subject, lambda storage: storage.get(key))

    async def add(self, subject: str, reason: RateLimitReason, during: Period, amount: int) -> int:
        """Adds ``amount`` to what ``subject`` has used in a period, and returns the sum. It may be negative."""
        key = self._counter(subject, reason, during)
        expiry = math.ceil(max(0.0, during.end - self.clock())) + MINUTE
        return await self._run(subject, lambda storage: storage.incr(key, expiry, amount))

    def load(self) -> None:
        """Reads what keys have used before the last restart."""
        if self._file is not None:
            self._file.load()

    async def watch(self) -> None:
        """Keeps the file up to date, until it is cancelled; returns at once if there is none."""
        if self._file is not None:
            await self._file.watch()

    async def close(self) -> None:
        """Saves what is not saved yet, and closes the connections."""
        if self._file is not None:
            try:
                await self._file.save()
            except OSError as error:
                logger.warning("what keys have used can't be saved", extra={"reason": error.strerror})
        if self._pool is not None:
            await self._pool.disconnect()

    def _counter(self, subject: str, reason: RateLimitReason, during: Period) -> str:
        return f"{reason}/{during.name}/{self._name(subject)}"

    async def _run(self, subject: str, operation: Operation[Result]) -> Result:
        local = self._keys if subject.startswith(KEY) else self._addresses
        if self._redis is None or not self._link.usable():
            return await operation(local)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                result = await operation(self._redis)
        except Exception as error:  # noqa: BLE001 - no error of Redis may stop speech
            self._link.failed(error)
            return await operation(local)
        self._link.worked()
        return result


def _keyed(secret: bytes, subject: str) -> str:
    return hmac.new(secret, b"limits:" + subject.encode(), hashlib.sha256).hexdigest()[:32]


def _storage(pool: BlockingConnectionPool) -> RedisStorage:
    """Returns the library's storage on the connections of ``pool``; the address is theirs."""
    options: dict[str, Any] = {"connection_pool": pool}
    return RedisStorage("async+redis://", implementation="redispy", key_prefix=PREFIX, **options)
