"""Asks /health all the while that something else is going on, and notes how long each answer takes."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from types import TracebackType

import aiohttp

INTERVAL = 0.05
"""Seconds between an answer and the next question."""
PATH = "/health"


class Prober:
    """Probes while its block lasts."""

    def __init__(self, url: str) -> None:
        self._session = aiohttp.ClientSession(url)
        self._seen: list[tuple[float, float]] = []

    async def __aenter__(self) -> Prober:
        self._task = asyncio.create_task(self._probe())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._session.close()

    def seconds_until(self, moment: float) -> tuple[float, ...]:
        """How long the answers took that were asked for before this moment; infinite where none came."""
        return tuple(seconds for begun, seconds in self._seen if begun <= moment)

    async def _probe(self) -> None:
        while True:
            begun = time.monotonic()
            try:
                async with self._session.get(PATH) as response:
                    await response.read()
                    answered = response.status == 200
            except (aiohttp.ClientError, OSError):
                answered = False
            self._seen.append((begun, time.monotonic() - begun if answered else math.inf))
            await asyncio.sleep(INTERVAL)
