"""A Redis of its own, and the number of commands that it was sent."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psutil
from redis.asyncio import Redis

from bench.targets.contenders import MissingError
from bench.targets.process import free_port

START_SECONDS = 20.0
OWN = frozenset({"info", "ping"})


@dataclass(frozen=True, slots=True)
class RedisCounter:
    """A running Redis."""

    url: str
    client: Redis
    process: psutil.Popen

    async def commands(self) -> int:
        """Returns the number of commands of others so far; those inside of scripts count too."""
        statistics = await self.client.info("commandstats")
        return sum(each["calls"] for name, each in statistics.items() if name.removeprefix("cmdstat_") not in OWN)

    def cpu_seconds(self) -> float:
        """Returns its processor time."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@asynccontextmanager
async def running_redis() -> AsyncIterator[RedisCounter]:
    """Runs it. Raises MissingError when it is not installed."""
    program = shutil.which("redis-server")
    if program is None:
        raise MissingError("redis-server is not installed; on Debian: apt-get install redis-server")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        process = psutil.Popen([*command, "--logfile", f"{folder}/log"])
        client = Redis(port=port)
        try:
            deadline = time.monotonic() + START_SECONDS
            while time.monotonic() < deadline:
                with suppress(Exception):
                    await client.ping()
                    break
                await asyncio.sleep(0.05)
            yield RedisCounter(f"redis://127.0.0.1:{port}", client, process)
        finally:
            await client.aclose()
            process.terminate()
            await asyncio.to_thread(process.wait)
