"""Threads that take work in the order it comes: for models that any thread may use, one call a thread at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.providers.worker import Worker

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What came of a piece of work; times are nanoseconds of ``time.perf_counter_ns``."""

    result: T
    asked: int
    start: int
    end: int

    @property
    def seconds(self) -> float:
        """Of work, without the wait for a thread."""
        return (self.end - self.start) / 1e9


class Crew:
    """A few workers, of which the one that has been idle for longest takes what has waited for longest."""

    def __init__(self, name: str, size: int) -> None:
        self._workers = [Worker(f"{name}-{number}") for number in range(size)]
        self._idle: asyncio.Queue[Worker] = asyncio.Queue()
        for worker in self._workers:
            self._idle.put_nowait(worker)

    @property
    def size(self) -> int:
        return len(self._workers)

    async def run(self, function: Callable[[], T], begun: Callable[[], None] = lambda: None) -> Done[T]:
        """What ``function`` returns or raises; ``begun`` is called when its turn has come.

        Cancelled before its turn, it never runs; cancelled while it runs, it runs on and its result is dropped.
        Raises WorkerClosed.
        """
        asked = time.perf_counter_ns()

        def timed() -> Done[T]:
            start = time.perf_counter_ns()
            result = function()
            return Done(result, asked, start, time.perf_counter_ns())

        worker = await self._idle.get()
        try:
            begun()
            return await worker.run(timed)
        finally:
            self._idle.put_nowait(worker)

    async def close(self) -> None:
        """Waits for what runs, gives up what waits, and ends the threads. Closing again is allowed."""
        # What waits for a worker gets one that is closed, which tells it so, and hands it on.
        await asyncio.gather(*(worker.close() for worker in self._workers))
