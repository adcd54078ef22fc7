"""The door: a bounded number of requests inside, none once the server stops."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from server.errors import QueueFull, ShuttingDown

RETRY_SECONDS = 1


class Admission:
    """Counts the requests that speak or wait for it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._inside = 0
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def closed(self) -> bool:
        return self._closed

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Holds a place. Raises QueueFull when all are taken, ShuttingDown after ``close``."""
        if self._closed:
            raise ShuttingDown("the server is shutting down", retry_after=RETRY_SECONDS)
        if self._inside >= self._limit:
            raise QueueFull(f"all {self._limit} places are taken; try again later", retry_after=RETRY_SECONDS)
        self._inside += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if self._inside == 0:
                self._idle.set()

    def close(self) -> None:
        """Lets nobody in any more."""
        self._closed = True

    async def drained(self) -> None:
        """Returns when everybody has left."""
        await self._idle.wait()
