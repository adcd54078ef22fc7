"""Follows the shared store beside requests, and looks into it for a request that names what is not known here."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from server.errors import SharedStoreUnavailable
from server.shared.shared_files import RETRY_SECONDS, SharedFiles

POLL_SECONDS = 2.0
"""How often the store is looked at: until then a server offers a voice that another one has deleted or replaced."""
ANSWER_SECONDS = 10.0
"""How long a request waits for the store."""
LEAST_PAUSE = 0.05
PAUSES = 4
"""The pause after a look as a multiple of its time: requests for voices that do not exist can't keep a core busy."""
T = TypeVar("T")


class StoreWatcher:
    """Looks into the store of ``files`` in a thread of its own. Create it inside a running event loop."""

    def __init__(self, files: SharedFiles) -> None:
        self.files = files
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "shared-store")
        self._next: asyncio.Task[None] | None = None
        """The look that has not begun yet, for which everybody waits who asks now."""
        self._last: asyncio.Task[None] | None = None
        self._pause_until = 0.0

    def on_change(self, observer: Callable[[], None]) -> None:
        """Calls ``observer`` in the event loop when other servers have changed files, before ``refresh`` returns."""

        def call(_: frozenset[str]) -> None:
            self._loop.call_soon_threadsafe(observer)

        self.files.on_change(call)

    async def watch(self) -> None:
        """Follows the store for ever."""
        while True:
            with suppress(SharedStoreUnavailable):  # it is logged
                await self.refresh()
            await asyncio.sleep(POLL_SECONDS)

    async def refresh(self) -> None:
        """Returns when the copies are as the store was after this call. Raises SharedStoreUnavailable."""
        if self._next is None:
            self._next = asyncio.create_task(self._look(self._last))
            self._next.add_done_callback(_retrieve)
        await answered(self._next)

    def close(self) -> None:
        """Does not wait: a store may never answer."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _look(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.sleep(self._pause_until - self._loop.time())
        self._last, self._next = self._next, None
        begin = self._loop.time()
        try:
            await self._loop.run_in_executor(self._thread, self.files.look)
        finally:
            end = self._loop.time()
            self._pause_until = end + max(LEAST_PAUSE, PAUSES * (end - begin))


def _retrieve(look: asyncio.Task[None]) -> None:
    """Takes the error of a look for which nobody waits any more."""
    if not look.cancelled():
        look.exception()


async def answered(work: Awaitable[T]) -> T:
    """Returns the result of work that a shared store may hold up. Raises SharedStoreUnavailable after ANSWER_SECONDS;
    the work goes on."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            return await asyncio.shield(work)
    except TimeoutError:
        raise SharedStoreUnavailable(
            f"the shared store did not answer within {ANSWER_SECONDS:g} seconds", retry_after=int(RETRY_SECONDS)
        ) from None
