"""The measured server: whether it is ready, its voices, and its counts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp

from bench.targets.monitoring import Monitoring
from bench.targets.snapshot import Snapshot

POLL_SECONDS = 0.25
"""The interval at which a condition is polled."""
SETTLING_SECONDS = 10.0
"""The time after the last answer within which the server's counts must be complete."""


class UnreachableError(Exception):
    """There is no server to measure; the message says what is missing, and what to do."""


class Target:
    """A server, and the session with its address."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self.session = session
        self.url = url

    async def wait_until_ready(self, seconds: float) -> None:
        """Waits until the server is ready. Raises UnreachableError when it is not ready in time."""
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
            await asyncio.sleep(POLL_SECONDS)

    async def catalogue(self) -> list[tuple[str, str]]:
        """Returns each voice with each of its languages. Raises UnreachableError if there is none."""
        data = await self._get("/v1/audio/voices")
        try:
            pairs = [(str(voice["id"]), str(tag)) for voice in data["voices"] for tag in voice["languages"]]
        except (KeyError, TypeError) as error:
            raise UnreachableError(f"{self.url}/v1/audio/voices is not a catalogue of voices: {error!r}") from None
        if not pairs:
            raise UnreachableError(f"{self.url} has no voice")
        return pairs

    async def snapshot(self) -> Snapshot:
        """Returns its counts until now. Raises UnreachableError if they can't be read."""
        data = await self._get("/metrics")
        try:
            return Snapshot.parse(data)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreachableError(f"{self.url}/metrics is not the summary that we know: {error!r}") from None

    async def settled_snapshot(self, requests: int) -> Snapshot:
        """Returns the counts once ``requests`` are counted and none is in flight, or the last ones in time."""
        deadline = time.monotonic() + SETTLING_SECONDS
        while True:
            snapshot = await self.snapshot()
            if (snapshot.requests >= requests and not snapshot.in_flight) or time.monotonic() > deadline:
                return snapshot
            await asyncio.sleep(POLL_SECONDS)

    async def monitoring(self) -> Monitoring:
        """Returns its counts of cache and providers. Raises UnreachableError if they can't be read."""
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

    async def compared_monitoring(self, compare: Callable[[Monitoring], list[str]]) -> tuple[Monitoring, list[str]]:
        """Returns the first counts in which ``compare`` finds no disagreement, or the last ones in time.

        Some counts are updated only seconds later.
        """
        deadline = time.monotonic() + SETTLING_SECONDS
        while True:
            monitoring = await self.monitoring()
            sentences = compare(monitoring)
            if not sentences or time.monotonic() > deadline:
                return monitoring, sentences
            await asyncio.sleep(POLL_SECONDS)

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
