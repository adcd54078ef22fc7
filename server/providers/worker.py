"""One thread that owns something which only one thread may touch, such as a model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class WorkerClosed(Exception):
    """The worker takes no more work, or was closed before this piece had its turn."""


class Worker:
    """Runs callables one after another in a thread of its own, in the order of their submission."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._closed = False

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function`` returns or raises, once its turn has come.

        Cancelled before its turn, it never runs; cancelled while it runs, it runs on and its result is dropped.
        Raises WorkerClosed.
        """
        if self._closed:
            raise WorkerClosed
        job = self._executor.submit(function, *args, **kwargs)
        try:
            return await asyncio.wrap_future(job)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and not (task and task.cancelling()):  # it was close() that cancelled, not the caller
                raise WorkerClosed from None
            raise

    async def close(self) -> None:
        """Waits for what runs, gives up what waits, and ends the thread. Closing again is allowed."""
        self._closed = True
        await asyncio.to_thread(self._executor.shutdown, wait=True, cancel_futures=True)
