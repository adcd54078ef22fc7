"""Keeps an engine running: a lost engine is replaced by a new one, with growing pauses."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from otel.contract.values import WorkerKind
from server.errors import SpeechError
from server.scheduling.engine import EngineLost

FIRST_PAUSE = 0.5
"""Seconds before an engine is restarted; each further pause is twice as long."""
LONGEST_PAUSE = 60.0
STEADY_SECONDS = 120.0
"""The seconds that an engine must run for the pauses to start over."""
MAX_FAILURES = 5
"""The number of consecutive failed starts after which the engine is given up."""


class RestartableEngine(Protocol):
    """An engine that runs. See server.engine.running.RunningEngine."""

    @property
    def lost(self) -> asyncio.Future[EngineLost]:
        """Done when the engine no longer works."""
        ...

    async def kill(self, error: EngineLost) -> None:
        """Ends the engine at once."""
        ...

    async def close(self, error: Exception) -> None:
        """Ends the engine when its running steps are done."""
        ...


class EngineReports(Protocol):
    """Receives what happens to the engine."""

    def worker_restarted(self, worker: str) -> None:
        """Reports that a worker process is restarted."""
        ...

    def stopped(self) -> None:
        """Reports that the engine is lost, until ``resumed``."""
        ...

    def resumed(self) -> None:
        """Reports that an engine runs again."""
        ...

    def lost(self, error: Exception) -> None:
        """Reports that no engine will be started any more."""
        ...


Running = TypeVar("Running", bound=RestartableEngine)


class EngineSupervisor(Generic[Running]):
    """Starts and replaces the engine; used by one event loop.

    After MAX_FAILURES failed starts in a row the supervisor gives up. An engine that starts but is soon lost is
    replaced without limit, with pauses that grow to LONGEST_PAUSE.
    """

    def __init__(
        self,
        start: Callable[[], Awaitable[Running]],
        reports: EngineReports,
        log: logging.Logger,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``start`` returns a working engine, or raises SpeechError and leaves nothing behind."""
        self.running: Running | None = None
        """The running engine, or None."""
        self._start = start
        self._reports = reports
        self._log = log
        self._sleep = sleep
        self._clock = clock
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts the first engine. Raises SpeechError, without a second attempt, when it can't be started."""
        self.running = await self._start()
        self._task = asyncio.create_task(self._replace_for_ever(self.running))
        self._task.add_done_callback(self._ended)

    async def close(self, error: Exception) -> None:
        """Stops replacing the engine and ends it; jobs that are not finished fail with ``error``."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self.running is not None:
            await self.running.close(error)

    async def _replace_for_ever(self, running: Running) -> None:
        restarts = 0
        """The number of restarts since an engine ran for STEADY_SECONDS."""
        while True:
            start_time = self._clock()
            error = await asyncio.shield(running.lost)
            self.running = None
            self._reports.stopped()
            self._log.error("the worker process is lost", extra={"worker": WorkerKind.ENGINE, "reason": str(error)})
            await running.kill(error)
            if self._clock() - start_time >= STEADY_SECONDS:
                restarts = 0
            for failures in range(1, MAX_FAILURES + 1):
                await self._sleep(min(FIRST_PAUSE * 2**restarts, LONGEST_PAUSE))
                restarts += 1
                start_time = self._clock()
                self._reports.worker_restarted(WorkerKind.ENGINE)
                try:
                    self.running = running = await self._start()
                except SpeechError as failure:
                    self._log.error(
                        "the worker process can't be started again",
                        extra={"worker": WorkerKind.ENGINE, "reason": failure.message, "failures": failures},
                    )
                else:
                    break
            else:
                self._reports.lost(error)
                return
            seconds = round(self._clock() - start_time, 1)
            self._log.info(
                "the worker process is started again", extra={"worker": WorkerKind.ENGINE, "seconds": seconds}
            )
            self._reports.resumed()

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Reports the engine as lost when a bug has ended the supervising task."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("the engine's supervisor has ended by a mistake of the server", exc_info=error)
            self._reports.lost(error if isinstance(error, Exception) else RuntimeError("the supervisor has ended"))
