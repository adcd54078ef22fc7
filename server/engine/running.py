"""One life of the engine: its process, and the dispatcher that keeps that process busy."""

from __future__ import annotations

import asyncio

from server.engine.client import EngineProcess
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.engine import EngineLost


class RunningEngine:
    """An engine's process with its voices loaded. It is used until it is lost, and replaced by a new one as a whole:
    latents and their keys, the schedule and the pace belong to one life."""

    def __init__(self, process: EngineProcess, dispatcher: Dispatcher) -> None:
        """``dispatcher`` is that of the process, not started yet."""
        self._process = process
        self.dispatcher = dispatcher
        dispatcher.start()
        process.lost.add_done_callback(lambda lost: None if lost.cancelled() else dispatcher.give_up(lost.result()))

    @property
    def lost(self) -> asyncio.Future[EngineLost]:
        """Done when nothing more can be expected of it."""
        return self.dispatcher.lost

    async def kill(self, error: EngineLost) -> None:
        """Ends it at once, whatever its process does; what is not finished fails with ``error``."""
        await self._process.kill(error)
        await self.dispatcher.close(error)

    async def close(self, error: Exception) -> None:
        """Ends it once the steps at hand are taken; what is not finished fails with ``error``."""
        await self.dispatcher.close(error)
        await self._process.close()
