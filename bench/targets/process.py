"""A server as a process of its own: started on a free port, asked until it is ready, stopped, and weighed meanwhile.

Ours is started without its cache: what is measured is how fast it makes speech, and the others have no cache.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil

ROOT = Path(__file__).parents[2]
DATA_DIR = Path(os.environ.get("TTSCOPE_DATA_DIR", "var"))
OURS = ("TTSCOPE_", "OTEL_", "PROMETHEUS_PORT", "METRICS_ENABLED")
"""Variables that are not handed on: what is measured is set by the measurement."""
START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1
NO_CACHE = {"TTSCOPE_CACHE_BYTES": "0"}
LOG_LINES = 15
"""Last lines of a server's output to show when it does not start."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server's command, in which {port} stands for the port, and the path that says 200 once it can speak."""

    name: str
    command: tuple[str, ...]
    ready_path: str
    environment: Mapping[str, str] = field(default_factory=dict)


def ttscope(**environment: str) -> Program:
    """Our own server, started as a user starts it, but without its cache, and with these settings."""
    return Program("ttscope", (sys.executable, "-m", "server"), "/ready", {**NO_CACHE, **environment})


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory of a process and its children, in bytes."""

    now: int
    peak: int


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    program: Program
    url: str
    process: psutil.Process

    def pause(self) -> None:
        """Stops it where it is; it needs no processor until ``resume``."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Lets it go on."""
        self._signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """Processor time of the process itself since it started."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> Memory:
        """What it needs now, and what it needed at most since it started."""
        sizes = [size for process in self._tree() if (size := resident(process.pid)) is not None]
        return Memory(sum(size.now for size in sizes), sum(size.peak for size in sizes))

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def _signal(self, number: signal.Signals) -> None:
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[Running]:
    """Runs a program on a free port until the block ends, also by SIGTERM. Leaves the command if it does not start."""
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        (Path(folder) / "voices").symlink_to((ROOT / DATA_DIR / "voices").resolve())
        own = {"TTSCOPE_PORT": str(port), "PROMETHEUS_PORT": "0", "TTSCOPE_DATA_DIR": folder}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        process = psutil.Popen(
            [part.format(port=port) for part in program.command],
            cwd=ROOT,
            env={**inherited, **own, **program.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        server = Running(program, f"http://127.0.0.1:{port}", process)
        try:
            if not await wait_until_ready(server):
                log.seek(0)
                tail = log.read().decode(errors="replace").splitlines()[-LOG_LINES:]
                raise SystemExit("\n".join([f"{program.name} did not start", *tail]))
            yield server
        finally:
            await asyncio.to_thread(stop, server)


async def wait_until_ready(server: Running) -> bool:
    """False when it ended, or was not ready in time."""
    deadline = time.monotonic() + START_SECONDS
    async with aiohttp.ClientSession(server.url) as session:
        while time.monotonic() < deadline and server.process.is_running():
            if server.process.status() == psutil.STATUS_ZOMBIE:
                return False
            with suppress(aiohttp.ClientError, OSError):
                async with session.get(server.program.ready_path) as response:
                    if response.status == 200:
                        return True
            await asyncio.sleep(POLL_SECONDS)
    return False


def stop(server: Running) -> None:
    """Ends it, in good order if it does so in time."""
    with suppress(psutil.NoSuchProcess):
        server.resume()
        server.process.terminate()
        try:
            server.process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            server.process.kill()
            server.process.wait()


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident(pid: int) -> Memory | None:
    """Resident memory of one process by the kernel's account; None when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = {
        name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if name in SIZES
    }
    return Memory(*(kilobytes[name] * 1024 for name in SIZES)) if kilobytes else None


SIZES = ("VmRSS", "VmHWM")
