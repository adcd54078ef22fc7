"""What telemetry costs: two servers, one with everything on and one with everything off, asked in turn in one run."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil

ROOT = Path(__file__).parent.parent
SPOKEN = {"text": "The quick brown fox jumps over the lazy dog."}
REFUSED = {"text": "(happy)"}
"""Goes through everything that is measured of a request, but no model: its CPU time is the server's own."""
DATA_DIR = os.environ.get("TTSCOPE_DATA_DIR", "var")
OFF = {"METRICS_ENABLED": "false", "OTEL_SDK_DISABLED": "true"}
START_SECONDS = 120.0


@dataclass(slots=True)
class Side:
    """One of the two servers, and what was measured of it."""

    name: str
    environment: dict[str, str]
    url: str = ""
    process: psutil.Process | None = None
    throughput: list[float] = field(default_factory=list)
    """Spoken requests per second, one figure a round."""
    cpu: list[float] = field(default_factory=list)
    """Seconds of CPU for a refused request, one figure a round."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, 0 when it was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server (default %(default)s)")
    parser.add_argument("--spoken", type=int, default=20, help="spoken requests a turn (default %(default)s)")
    parser.add_argument("--refused", type=int, default=1000, help="refused requests a turn (default %(default)s)")
    parser.add_argument("--otlp", default="http://127.0.0.1:4317", help="a Collector (default %(default)s)")
    options = parser.parse_args(arguments)
    return asyncio.run(run(options.rounds, options.spoken, options.refused, options.otlp))


async def run(rounds: int, spoken: int, refused: int, otlp: str) -> int:
    """Measures and prints."""
    exported = _listens(otlp)
    on = Side("on", {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp} if exported else {})
    off = Side("off", OFF)
    print(f"on: everything{f', exported to {otlp}' if exported else '; no Collector at ' + otlp + ', so no export'}")
    async with _server(on), _server(off), aiohttp.ClientSession() as session:
        for number in range(-1, rounds):  # the first turn warms up and does not count
            for side in (on, off) if number % 2 else (off, on):
                await _turn(session, side, spoken, refused, counts=number >= 0)
    _report(on, off)
    return 0


async def _turn(session: aiohttp.ClientSession, side: Side, spoken: int, refused: int, counts: bool) -> None:
    begun = time.perf_counter()
    await _ask(session, side, SPOKEN, spoken, 200)
    throughput = spoken / (time.perf_counter() - begun)
    before = _cpu_seconds(side)
    await _ask(session, side, REFUSED, refused, 422)
    cpu = (_cpu_seconds(side) - before) / refused
    if counts:
        side.throughput.append(throughput)
        side.cpu.append(cpu)


async def _ask(session: aiohttp.ClientSession, side: Side, body: dict[str, str], times: int, expected: int) -> None:
    for _ in range(times):
        async with session.post(f"{side.url}/tts", json=body) as response:
            await response.read()
            if response.status != expected:
                raise SystemExit(f"the server with telemetry {side.name} answered {response.status}, not {expected}")


def _report(on: Side, off: Side) -> None:
    ratio = statistics.median(a / b for a, b in zip(on.throughput, off.throughput, strict=True))
    print(f"{'':12}{'requests/s':>12}{'CPU us/refused request':>25}")
    for side in (off, on):
        cpu = statistics.median(side.cpu) * 1e6
        print(f"{side.name:12}{statistics.median(side.throughput):12.3f}{cpu:25.0f}")
    cost = statistics.median(a - b for a, b in zip(on.cpu, off.cpu, strict=True)) * 1e6
    print(f"throughput on / off: {ratio:.3f}; telemetry: {cost:.0f} us of CPU per request")


def _cpu_seconds(side: Side) -> float:
    if side.process is None:
        raise RuntimeError("the server is not running")
    times = side.process.cpu_times()
    return float(times.user + times.system)


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
            return True
    except OSError:
        return False


@asynccontextmanager
async def _server(side: Side) -> AsyncIterator[None]:
    """Runs ``python -m server`` on free ports until the block ends."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "voices").symlink_to(ROOT / DATA_DIR / "voices")
        environment = {**os.environ, "TTSCOPE_PORT": "0", "PROMETHEUS_PORT": "0", "TTSCOPE_DATA_DIR": folder}
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "server",
            cwd=ROOT,
            env={**environment, **side.environment},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                side.url = await _ready_url(process)
            side.process = psutil.Process(process.pid)
            drain = asyncio.create_task(_drain(process))
            yield
            drain.cancel()
        finally:
            process.terminate()
            await process.communicate()


async def _ready_url(process: asyncio.subprocess.Process) -> str:
    if process.stderr is None:
        raise RuntimeError("the server's log is not read")
    async for line in process.stderr:
        if line.startswith(b"{") and (record := json.loads(line))["message"] == "ready":
            return str(record["url"])
    raise SystemExit("the server did not start; try make run")


async def _drain(process: asyncio.subprocess.Process) -> None:
    if process.stderr is not None:
        async for _ in process.stderr:
            pass


if __name__ == "__main__":
    sys.exit(main())
