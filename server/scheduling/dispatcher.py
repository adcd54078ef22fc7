"""Keeps the engine busy: gives its workers the schedule's batches, a limited number at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable

from otel.contract.values import Device
from server.scheduling.audio_queue import AudioPiece
from server.scheduling.engine import Decode, Engine, EngineLost
from server.scheduling.job import Job
from server.scheduling.machine_time import MachineTime
from server.scheduling.schedule import Batch, Schedule
from server.scheduling.throughput import Throughput

STEP_THREADS = 1
"""The cores that a step uses, also while others are idle: a product of matrices that two threads share is summed in
another order, and a seed must make the same bits under any load."""


class Dispatcher:
    """Runs jobs on an engine's workers. A CPU has one worker per core, a GPU one worker with two batches in flight.

    On the CPU each step runs on one core. This is faster than two threads that share every step (2,650 frames/s instead
    of 1,600 on two cores, with windows of 64).
    """

    def __init__(
        self,
        engine: Engine,
        workers: int,
        *,
        slots: int = 1,
        cores: int = 1,
        busy_depth: int = 0,
        observe: Callable[[int, float], None] | None = None,
        device: Device = Device.CPU,
        account: Callable[[Device, float, float], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``slots`` is how many batches each worker may have in flight; more than one only while at least
        ``busy_depth`` jobs wait. All workers share ``cores``. ``observe`` is called with the size and the padding of
        every batch, ``account`` with the time of ``device`` that it took and saved, in seconds.
        ``clock`` is the schedule's."""
        self.throughput = Throughput()
        self.schedule = Schedule(engine, lambda: self.throughput.rate, clock)
        self._engine = engine
        self._slot_workers = [worker for worker in range(workers) for _ in range(slots)]
        """The worker of each slot."""
        self._in_flight = [0] * workers
        """The number of batches in flight on each worker."""
        self._cores = cores
        self._busy_depth = busy_depth
        self._observe = observe
        self._device = device
        self._account = account
        self._machine_time = MachineTime(cores)
        self._wake = asyncio.Event()
        self._slots: list[asyncio.Task[None]] = []
        self._closing: Exception | None = None
        self.lost: asyncio.Future[EngineLost] = asyncio.get_running_loop().create_future()
        """Done when the engine is lost."""

    def start(self) -> None:
        self._slots = [asyncio.create_task(self._run_slot(worker)) for worker in self._slot_workers]
        for slot in self._slots:
            slot.add_done_callback(self._slot_ended)

    async def close(self, error: Exception) -> None:
        """Waits for running batches; unfinished jobs fail with ``error``."""
        self._closing = error
        self.schedule.fail_all(error)
        for slot in self._slots:
            slot.cancel()
        await asyncio.gather(*self._slots, return_exceptions=True)

    def give_up(self, error: EngineLost) -> None:
        """Stops accepting jobs; unfinished jobs fail with ``error``."""
        self._closing = error
        self.schedule.fail_all(error)
        if not self.lost.done():
            self.lost.set_result(error)

    async def run(self, create: Callable[[Callable[[], None]], Job]) -> AsyncGenerator[AudioPiece, None]:
        """Yields the audio of a job in order, as it is made; closing the generator abandons the rest.

        ``create`` makes the job; its argument is the callback for the job's changes. Raises the error of the job.
        """
        if self._closing is not None:
            raise self._closing
        changed = asyncio.Event()
        job = create(changed.set)
        self.schedule.add(job)
        self._wake.set()
        try:
            while True:
                changed.clear()
                while (piece := job.fetch()) is not None:
                    yield piece
                    job.update_wait(time.perf_counter_ns())
                    self._wake.set()  # a stream that backpressure paused may continue
                if job.finished:
                    return
                if job.failure is not None:
                    raise job.failure
                await changed.wait()
        finally:
            self.schedule.remove(job)

    async def _run_slot(self, worker: int) -> None:
        while True:
            while (batch := self._next_batch(worker)) is None:
                self._wake.clear()
                await self._wake.wait()
            self._in_flight[worker] += 1
            self._machine_time.begin(worker, time.perf_counter_ns(), STEP_THREADS)
            try:
                result = await self._engine.run(worker, [ready.step for ready in batch.steps], STEP_THREADS)
            except EngineLost as error:
                self.give_up(error)
                return
            except Exception as error:  # noqa: BLE001 - any error of one batch must not stop the others
                self._machine_time.fail(worker, time.perf_counter_ns())
                self.schedule.fail(batch, error)
            else:
                units = self._machine_time.end(worker, result.start, result.end)
                self._measure(batch, (result.end - result.start) / 1e9, units)
                self.schedule.complete(
                    batch, result.results, result.start, result.end, device=self._device, units=units
                )
            finally:
                self._in_flight[worker] -= 1
            self._wake.set()

    def _next_batch(self, worker: int) -> Batch | None:
        """Returns the next batch for ``worker``. A worker with a batch gets a second one only while all others have as
        many and at least ``busy_depth`` jobs wait."""
        in_flight = self._in_flight[worker]
        if in_flight and (in_flight > min(self._in_flight) or self.schedule.depth < self._busy_depth):
            return None
        return self.schedule.next()

    def _slot_ended(self, slot: asyncio.Task[None]) -> None:
        """Treats a bug in a slot like a lost engine, so that no request waits forever."""
        if not slot.cancelled() and (error := slot.exception()) is not None:
            loss = EngineLost("a dispatcher slot has ended because of a bug in the server")
            loss.__cause__ = error
            self.give_up(loss)

    def _measure(self, batch: Batch, seconds: float, units: float) -> None:
        audio = sum(ready.step.seconds for ready in batch.steps if isinstance(ready.step, Decode))
        self.throughput.add(audio, seconds * STEP_THREADS / self._cores)
        if self._observe is not None:
            self._observe(len(batch.steps), batch.padding)
        if self._account is not None:
            step = batch.steps[0].step
            kind = (type(step), self._engine.bucket(step))
            saved = self._machine_time.saved(kind, len(batch.steps), seconds)
            self._account(self._device, seconds * units, saved * units)
