"""The server that is measured: whether it is ready, which voices it has, what it counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from bench.targets.monitoring import Monitoring
from bench.targets.snapshot import Snapshot

INTERVAL = 0.25
"""Seconds between two looks at something that is awaited."""
SETTLING = 10.0
"""Seconds in which the server's account must be complete after the last answer."""


class UnreachableError(Exception):
    """There is no server to measure; the message says what is missing and what to do."""


class Target:
    """A server by the session that knows its address."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def wait_until_ready(self, seconds: float) -> None:
        """Raises UnreachableError when it is not ready in time, or no HTTP server of this kind."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                async with self.session.get("/ready") as response:
                    state = f"answers /ready with {response.status}"
                    if response.status == 200:
                        return
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                state = f"can't be reached ({type(error).__name__})"
            if time.monotonic() > deadline:
                raise UnreachableError(f"{self.url} {state} after {seconds:.0f} s. Start it with: make run")
            await asyncio.sleep(INTERVAL)

    async def catalogue(self) -> list[tuple[str, str]]:
        """Every voice with every language it speaks. Raises UnreachableError if there is none."""
        data = await self._get("/v1/audio/voices")
        try:
            pairs = [(str(voice["id"]), str(tag)) for voice in data["voices"] for tag in voice["languages"]]
        except (KeyError, TypeError) as error:
            raise UnreachableError(f"{self.url}/v1/audio/voices is not a catalogue of voices: {error!r}") from None
        if not pairs:
            raise UnreachableError(f"{self.url} has no voice")
        return pairs

    async def snapshot(self) -> Snapshot:
        """What it counted until now. Raises UnreachableError if it does not say."""
        data = await self._get("/metrics")
        try:
            return Snapshot.parse(data)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreachableError(f"{self.url}/metrics is not the summary that we know: {error!r}") from None

    async def settled(self, requests: int) -> Snapshot:
        """The account once it is complete: so many requests counted and none in flight, or what it says in the end."""
        deadline = time.monotonic() + SETTLING
        while True:
            snapshot = await self.snapshot()
            if (snapshot.requests >= requests and not snapshot.in_flight) or time.monotonic() > deadline:
                return snapshot
            await asyncio.sleep(INTERVAL)

    async def monitoring(self) -> Monitoring:
        """What it says of its cache and providers, in both accounts. Raises UnreachableError if it does not say."""
        data = await self._get("/metrics")
        try:
            async with self.session.get("/prometheus", headers={"Accept": "text/plain"}) as response:
                return Monitoring.parse(data, await response.text())
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise UnreachableError(f"{self.url}/prometheus can't be read ({type(error).__name__})") from None
        except (KeyError, TypeError, ValueError) as error:
            raise UnreachableError(
                f"{self.url}/metrics or /prometheus does not speak of cache and providers as we know it: {error!r}"
            ) from None

    async def judged(self, judge: Callable[[Monitoring], list[str]]) -> tuple[Monitoring, list[str]]:
        """The first of its accounts in which ``judge`` finds nothing, or the last: some of it is late by seconds."""
        deadline = time.monotonic() + SETTLING
        while True:
            monitoring = await self.monitoring()
            sentences = judge(monitoring)
            if not sentences or time.monotonic() > deadline:
                return monitoring, sentences
            await asyncio.sleep(INTERVAL)

    async def _get(self, path: str) -> dict[str, Any]:
        try:
            async with self.session.get(path) as response:
                if response.status == 404 and path == "/metrics":
                    raise UnreachableError(
                        f"{self.url}/metrics is off (METRICS_ENABLED=false): nothing to compare with"
                    )
                if response.status != 200:
                    raise UnreachableError(f"{self.url}{path} answers {response.status}")
                return dict(await response.json())
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise UnreachableError(f"{self.url}{path} can't be read ({type(error).__name__})") from None
