"""Processor usage while a server is under load: of its event loop, its engine, its other threads, and its client."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Self

import psutil


@dataclass(frozen=True, slots=True)
class ProcessorUsage:
    """The average number of cores in use. The remaining cores were idle, or used by other processes."""

    loop: float
    """Cores used by the server's event loop, which is its main thread."""
    engine: float
    """Cores used by its child processes, which synthesize."""
    other_threads: float
    """Cores used by its other threads, which normalize texts, encode audio, and export telemetry."""
    client: float
    """Cores used by this process."""
    cores: int

    @property
    def idle(self) -> float:
        """The number of cores that were idle, or used by other processes."""
        return self.cores - self.loop - self.engine - self.other_threads - self.client


@dataclass(frozen=True, slots=True)
class ProcessorTimes:
    """Processor seconds at one time."""

    at: float
    loop: float
    engine: float
    other_threads: float
    client: float

    @classmethod
    def read(cls, server: psutil.Process) -> Self:
        """Reads the processor seconds of a server and of this process."""
        threads = {thread.id: thread.user_time + thread.system_time for thread in server.threads()}
        loop = threads.pop(server.pid, 0.0)
        times = [child.cpu_times() for child in server.children(recursive=True)]
        engine = sum(each.user + each.system for each in times)
        return cls(time.monotonic(), loop, engine, sum(threads.values()), time.process_time())


async def measure_usage(server: psutil.Process, begin: float, end: float) -> ProcessorUsage:
    """Returns the usage from ``begin`` to ``end``, in seconds from now."""
    await asyncio.sleep(begin)
    before = ProcessorTimes.read(server)
    await asyncio.sleep(end - begin)
    after = ProcessorTimes.read(server)
    seconds = after.at - before.at
    return ProcessorUsage(
        (after.loop - before.loop) / seconds,
        (after.engine - before.engine) / seconds,
        (after.other_threads - before.other_threads) / seconds,
        (after.client - before.client) / seconds,
        os.cpu_count() or 1,
    )
