"""Probes /health while something else runs, and records the time of each answer."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import suppress
from types import TracebackType

import aiohttp

INTERVAL = 0.05
"""The seconds between an answer and the next probe."""
PATH = "/health"


class Prober:
    """Probes until its block ends; a context manager."""

    def __init__(self, url: str) -> None:
        self._session = aiohttp.ClientSession(url)
        self._probes: list[tuple[float, float]] = []

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

    def seconds_until(self, end: float) -> tuple[float, ...]:
        """Returns the times of the answers to probes sent until ``end``; infinite for a probe without an answer."""
        return tuple(seconds for start, seconds in self._probes if start <= end)

    async def _probe(self) -> None:
        while True:
            start = time.monotonic()
            try:
                async with self._session.get(PATH) as response:
                    await response.read()
                    is_ok = response.status == 200
            except (aiohttp.ClientError, OSError):
                is_ok = False
            self._probes.append((start, time.monotonic() - start if is_ok else math.inf))
            await asyncio.sleep(INTERVAL)
