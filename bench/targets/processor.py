"""Whose processor time it is while a server is under load: its event loop, its engine's, its client's."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import Self

import psutil


@dataclass(frozen=True, slots=True)
class Processor:
    """Cores in use, on average over a time. What is missing to the machine's cores was idle, or somebody else's."""

    loop: float
    """The server's event loop, which is its main thread."""
    engine: float
    """Its children: they speak."""
    others: float
    """Its other threads: they read texts, make files of audio, and export what it reports."""
    client: float
    """This process."""
    cores: int

    @property
    def rest(self) -> float:
        return self.cores - self.loop - self.engine - self.others - self.client


@dataclass(frozen=True, slots=True)
class Spent:
    """Processor seconds so far."""

    at: float
    loop: float
    engine: float
    others: float
    client: float

    @classmethod
    def of(cls, server: psutil.Process) -> Self:
        """Of a server that runs, and of this process."""
        threads = {thread.id: thread.user_time + thread.system_time for thread in server.threads()}
        loop = threads.pop(server.pid, 0.0)
        times = [child.cpu_times() for child in server.children(recursive=True)]
        engine = sum(each.user + each.system for each in times)
        return cls(time.monotonic(), loop, engine, sum(threads.values()), time.process_time())


async def watch(server: psutil.Process, begin: float, end: float) -> Processor:
    """What is used from ``begin`` to ``end``, in seconds from now."""
    await asyncio.sleep(begin)
    before = Spent.of(server)
    await asyncio.sleep(end - begin)
    after = Spent.of(server)
    seconds = after.at - before.at
    return Processor(
        (after.loop - before.loop) / seconds,
        (after.engine - before.engine) / seconds,
        (after.others - before.others) / seconds,
        (after.client - before.client) / seconds,
        os.cpu_count() or 1,
    )
