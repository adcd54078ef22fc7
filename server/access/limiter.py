"""The limits of clients: which apply to a request, what it takes of them, and what it gives back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Coroutine, Mapping
from functools import lru_cache

from aiohttp import web

from otel.contract.values import RateLimitReason
from server.access.caller import Caller, KeyLimits
from server.access.limit_fields import Policy, policy_field, state_field
from server.access.quota import Quota
from server.access.usage import MINUTE, Remaining, UsageStore
from server.errors import InsufficientQuota, RateLimitExceeded
from server.utterance import Chunk

BUSY_SECONDS = 1
"""Retry-After of a request that is refused since too many others of its client are open."""
QUOTAS = (RateLimitReason.AUDIO_SECONDS_PER_DAY, RateLimitReason.CHARACTERS_PER_MONTH)
REMEMBERED = 1024
"""The number of keys whose limits are cached."""

Limits = Mapping[RateLimitReason, int]
"""The limits that apply to a client; one that is missing does not apply."""


class Limiter:
    """Decides which limits apply to a client, and gives each of its requests a permit."""

    def __init__(self, store: UsageStore, defaults: KeyLimits) -> None:
        """``defaults`` are the limits of clients that have none of their own; 0 stands for no limit."""
        self.store = store
        self.open: Counter[str] = Counter()
        """The open requests of each client that has any."""
        self._defaults = defaults
        self._limits = lru_cache(REMEMBERED)(self._resolve)
        self._tasks: set[asyncio.Task[None]] = set()

    def permit(self, caller: Caller, client: str) -> Permit | None:
        """Returns the permit of a request of ``client``, the client's key or address as ``Clients`` returns it; None if
        no limit applies, as for a caller on this machine that has no key."""
        if not caller.key_id and _is_loopback(client):
            return None
        limits = self._limits(caller.limits)
        return Permit(self, client, limits) if limits else None

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Runs ``work`` beside the requests; ``close`` waits for it."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        await asyncio.gather(*self._tasks)
        await self.store.close()

    def _resolve(self, own: KeyLimits) -> Limits:
        limits = {}
        for reason in RateLimitReason:
            value = getattr(own, reason)
            limits[reason] = getattr(self._defaults, reason) if value is None else value
        return {reason: limit for reason, limit in limits.items() if limit}


class Permit:
    """What one request takes of its client's limits, from ``enter`` to ``leave``."""

    def __init__(self, limiter: Limiter, client: str, limits: Limits) -> None:
        self._limiter = limiter
        self._store = limiter.store
        self._client = client
        self._limits = limits
        self._inside = False
        self._minute: asyncio.Task[Remaining] | None = None
        """What is left of the requests of the minute, after this one."""
        self._quotas = [
            Quota(reason, limits[reason], self._store.period(reason)) for reason in QUOTAS if reason in limits
        ]
        self._charge: asyncio.Task[Quota | None] | None = None
        self._settlement: asyncio.Task[None] | None = None
        self._audio_seconds = 0.0

    async def enter(self) -> None:
        """Counts the request as open, and as one of this minute. Raises RateLimitExceeded."""
        most = self._limits.get(RateLimitReason.CONCURRENT_REQUESTS)
        if most is not None and self._limiter.open[self._client] >= most:
            raise RateLimitExceeded(
                f"{most} requests of one client may be open at the same time; try again when one has ended",
                retry_after=BUSY_SECONDS,
                limit=RateLimitReason.CONCURRENT_REQUESTS,
            )
        self._inside = True
        self._limiter.open[self._client] += 1
        used = (self._store.used(self._client, quota.reason, quota.period) for quota in self._quotas)
        acquired, *amounts = await self._store.all(self._acquire(), *used)
        for quota, amount in zip(self._quotas, amounts, strict=True):
            quota.used = amount
        if not acquired:
            most = self._limits[RateLimitReason.REQUESTS_PER_MINUTE]
            raise RateLimitExceeded(
                f"one client may send {most} requests within a minute; try again later",
                retry_after=(await self._this_minute()).seconds,
                limit=RateLimitReason.REQUESTS_PER_MINUTE,
            )
        if RateLimitReason.REQUESTS_PER_MINUTE in self._limits:
            self._begin_minute()

    def charge(self, characters: int, seconds: float) -> None:
        """Begins to take ``characters``, and an estimate of ``seconds`` of audio, of the client's quotas.

        Raises InsufficientQuota when they are not left. What others take at the same moment is known only when the
        store has answered, so ``metered`` may raise it too.
        """
        self.check(characters, seconds)
        if self._quotas:
            self._charge = asyncio.create_task(self._take())

    def check(self, characters: int, seconds: float) -> None:
        """Raises InsufficientQuota as ``charge`` does, and takes nothing."""
        amounts = {
            RateLimitReason.CHARACTERS_PER_MONTH: characters,
            RateLimitReason.AUDIO_SECONDS_PER_DAY: Quota.of_seconds(seconds),
        }
        for quota in self._quotas:
            quota.reserved = amounts[quota.reason]
        for quota in self._quotas:
            if quota.used + quota.reserved > quota.limit:
                raise self._exhausted(quota)

    async def metered(self, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        """Yields the chunks and counts their seconds. Raises InsufficientQuota before the first one."""
        if self._charge is None:
            async for chunk in chunks:
                yield chunk
            return
        async for chunk in chunks:
            exceeded = self._charge.result() if self._charge.done() else await asyncio.shield(self._charge)
            if exceeded is not None:
                raise self._exhausted(exceeded)
            self._audio_seconds += chunk.seconds
            yield chunk

    def leave(self, *, failed: bool) -> None:
        """Ends the request: it is no longer open. If it ``failed`` before its first byte, nothing is taken of the
        quotas; otherwise the audio that was made for it, and the characters if there was any."""
        if self._inside:
            self._inside = False
            self._limiter.open[self._client] -= 1
            if not self._limiter.open[self._client]:
                del self._limiter.open[self._client]
        if self._charge is not None:
            seconds = 0.0 if failed else self._audio_seconds
            self._settlement = self._limiter.spawn(self._settle(self._charge, seconds))

    async def fields(self) -> dict[str, str]:
        """Returns the header fields RateLimit-Policy and RateLimit of the response."""
        policies: list[Policy] = []
        if most := self._limits.get(RateLimitReason.REQUESTS_PER_MINUTE):
            policies.append(Policy(RateLimitReason.REQUESTS_PER_MINUTE, most, await self._this_minute(), MINUTE))
        if most := self._limits.get(RateLimitReason.CONCURRENT_REQUESTS):
            left = max(0, most - self._limiter.open[self._client])
            policies.append(Policy(RateLimitReason.CONCURRENT_REQUESTS, most, Remaining(left, 0)))
        for task in (self._charge, self._settlement):
            if task is not None and not task.done():
                await asyncio.shield(task)
        policies += (quota.policy(self._store.clock()) for quota in self._quotas)
        return {"RateLimit-Policy": policy_field(policies), "RateLimit": state_field(policies)}

    async def _acquire(self) -> bool:
        most = self._limits.get(RateLimitReason.REQUESTS_PER_MINUTE)
        return most is None or await self._store.acquire(self._client, most)

    def _begin_minute(self) -> asyncio.Task[Remaining]:
        most = self._limits[RateLimitReason.REQUESTS_PER_MINUTE]
        self._minute = asyncio.create_task(self._store.minute(self._client, most))
        return self._minute

    async def _this_minute(self) -> Remaining:
        minute = self._minute or self._begin_minute()
        return minute.result() if minute.done() else await asyncio.shield(minute)

    async def _take(self) -> Quota | None:
        """Takes the reserved amounts; returns the quota that is exceeded by them, if one is."""
        await self._add([quota.reserved for quota in self._quotas])
        return next((quota for quota in self._quotas if quota.used > quota.limit), None)

    async def _settle(self, charge: asyncio.Task[Quota | None], audio_seconds: float) -> None:
        """Replaces the reserved amounts by those that count."""
        if await charge is not None:
            audio_seconds = 0.0
        changes = []
        for quota in self._quotas:
            if quota.reason is RateLimitReason.AUDIO_SECONDS_PER_DAY:
                changes.append(Quota.of_seconds(audio_seconds) - quota.reserved)
            else:
                changes.append(0 if audio_seconds else -quota.reserved)
        if any(changes):
            await self._add(changes)

    async def _add(self, amounts: list[int]) -> None:
        totals = await self._store.all(
            *(
                self._store.add(self._client, quota.reason, quota.period, amount)
                for quota, amount in zip(self._quotas, amounts, strict=True)
            )
        )
        for quota, total in zip(self._quotas, totals, strict=True):
            quota.used = total

    def _exhausted(self, quota: Quota) -> InsufficientQuota:
        return InsufficientQuota(
            quota.refusal, retry_after=quota.policy(self._store.clock()).left.seconds, limit=quota.reason
        )


def _is_loopback(client: str) -> bool:
    """Returns whether an address, as ``Clients`` returns it, is of this machine; ::1 is in the network ::/64."""
    return client.startswith("127.") or client == "::/64"


PERMIT = web.RequestKey("permit", Permit)
