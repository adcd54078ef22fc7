"""Starts, monitors and stops the server's sandboxed processes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from server.audio import encoding, uploads
from server.logs import LOGGER
from server.sandbox.pool import SandboxPool, WorkerLost
from server.text import phonemes
from server.verification import recognition

log = logging.getLogger(f"{LOGGER}.workers")


class NativeWorkers:
    """All sandbox pools that the server needs. The pools are global; this class only keeps them warm."""

    def __init__(self, *, decoding: bool) -> None:
        """``decoding`` says whether clients may upload recordings."""
        self._pools: list[SandboxPool] = [phonemes.pool(), encoding.pool(), *([uploads.pool()] if decoding else [])]
        self._later: list[SandboxPool] = [recognition.pool(), recognition.patient_pool()]
        """Those that are started when they are needed first: most servers verify nothing, and one takes 200 MB."""

    async def start(self, restarted: Callable[[str], None]) -> None:
        """Starts all processes without blocking the event loop.

        A restart calls ``restarted`` with the pool's name, in the event loop. A process that can't be started now is
        started when it is needed.
        """
        loop = asyncio.get_running_loop()
        for pool in (*self._pools, *self._later):
            pool.restarted = partial(loop.call_soon_threadsafe, restarted, pool.name)
        for pool in self._pools:
            try:
                await asyncio.to_thread(pool.start)
            except WorkerLost:
                log.exception("the processes of a pool can't be started", extra={"worker": pool.name})

    async def stop(self) -> None:
        """Stops all processes."""
        for pool in (*self._pools, *self._later):
            pool.restarted = lambda: None
            await asyncio.to_thread(pool.close)
