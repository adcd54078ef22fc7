"""A server as a process: started on a free port, awaited until ready, measured, and stopped.

ttscope is started without its cache: the speed of synthesis is measured, and the other servers have no cache.
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
PREFIXES = ("TTSCOPE_", "OTEL_", "PROMETHEUS_PORT", "METRICS_ENABLED")
"""Prefixes of variables that the server does not inherit: the measurement sets them."""
START_SECONDS = 120.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.1
NO_CACHE = {"TTSCOPE_CACHE_BYTES": "0"}
LOG_LINES = 15
"""The number of last lines of its output to show for a server that does not start."""


@dataclass(frozen=True, slots=True)
class Program:
    """A server's command, in which {port} stands for the port, and the path that answers 200 when it is ready."""

    name: str
    command: tuple[str, ...]
    ready_path: str
    environment: Mapping[str, str] = field(default_factory=dict)


def ttscope(**environment: str) -> Program:
    """Returns ttscope's program, without its cache and with these settings."""
    return Program("ttscope", (sys.executable, "-m", "server"), "/ready", {**NO_CACHE, **environment})


@dataclass(frozen=True, slots=True)
class Memory:
    """The resident memory of a process and its children in bytes."""

    current: int
    peak: int


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """The process of a server."""

    program: Program
    url: str
    process: psutil.Process

    def pause(self) -> None:
        """Suspends it with SIGSTOP: it uses no processor time until ``resume``."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resumes it with SIGCONT."""
        self._signal(signal.SIGCONT)

    def cpu_seconds(self) -> float:
        """Returns the processor time of the process, without its children, since it started."""
        times = self.process.cpu_times()
        return float(times.user + times.system)

    def memory(self) -> Memory:
        """Returns its current memory, and its peak since it started."""
        sizes = [size for process in self._tree() if (size := resident_memory(process.pid)) is not None]
        return Memory(sum(size.current for size in sizes), sum(size.peak for size in sizes))

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]

    def _signal(self, number: signal.Signals) -> None:
        for process in self._tree():
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@asynccontextmanager
async def running(program: Program) -> AsyncIterator[ServerProcess]:
    """Runs a program on a free port until the block ends, also by SIGTERM. Raises SystemExit if it does not start."""
    if task := asyncio.current_task():
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as log:
        (Path(folder) / "voices").symlink_to((ROOT / DATA_DIR / "voices").resolve())
        own = {"TTSCOPE_PORT": str(port), "PROMETHEUS_PORT": "0", "TTSCOPE_DATA_DIR": folder}
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIXES)}
        process = psutil.Popen(
            [argument.format(port=port) for argument in program.command],
            cwd=ROOT,
            env={**inherited, **own, **program.environment},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        server = ServerProcess(program, f"http://127.0.0.1:{port}", process)
        try:
            if not await wait_until_ready(server):
                log.seek(0)
                tail = log.read().decode(errors="replace").splitlines()[-LOG_LINES:]
                raise SystemExit("\n".join([f"{program.name} did not start", *tail]))
            yield server
        finally:
            await asyncio.to_thread(stop, server)


async def wait_until_ready(server: ServerProcess) -> bool:
    """Returns whether the server is ready; False when it ended, or was not ready in time."""
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


def stop(server: ServerProcess) -> None:
    """Terminates the server, and kills it after STOP_SECONDS."""
    with suppress(psutil.NoSuchProcess):
        server.resume()
        server.process.terminate()
        try:
            server.process.wait(STOP_SECONDS)
        except psutil.TimeoutExpired:
            server.process.kill()
            server.process.wait()


def free_port() -> int:
    """Returns a free port of the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def resident_memory(pid: int) -> Memory | None:
    """Returns the resident memory of one process from /proc; None when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    kilobytes = {
        name: int(size.split()[0]) for name, _, size in (line.partition(":") for line in lines) if name in SIZES
    }
    return Memory(*(kilobytes[name] * 1024 for name in SIZES)) if kilobytes else None


SIZES = ("VmRSS", "VmHWM")
