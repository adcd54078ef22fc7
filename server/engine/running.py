"""A running engine: its process, and the dispatcher that keeps that process busy."""

from __future__ import annotations

import asyncio

from server.engine.client import EngineClient
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.engine import EngineLost


class RunningEngine:
    """An engine's process with its voices loaded. When it is lost, a new one replaces all of it: latents and their
    keys, the schedule and the measured throughput belong to one process."""

    def __init__(self, client: EngineClient, dispatcher: Dispatcher) -> None:
        """``dispatcher`` is the process's dispatcher, which must not be started yet."""
        self._client = client
        self.dispatcher = dispatcher
        dispatcher.start()
        client.lost.add_done_callback(lambda lost: None if lost.cancelled() else dispatcher.give_up(lost.result()))

    @property
    def lost(self) -> asyncio.Future[EngineLost]:
        """Done when the engine no longer works."""
        return self.dispatcher.lost

    async def kill(self, error: EngineLost) -> None:
        """Ends the process at once; jobs that are not finished fail with ``error``."""
        await self._client.kill(error)
        await self.dispatcher.close(error)

    async def close(self, error: Exception) -> None:
        """Ends the process when its running steps are done; jobs that are not finished fail with ``error``."""
        await self.dispatcher.close(error)
        await self._client.close()
