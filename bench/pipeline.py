"""Measures the cost of telemetry: two servers take turns, one with all telemetry on and one with all of it off."""

from __future__ import annotations

import argparse
import asyncio
import socket
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp

from bench.targets.process import ServerProcess, running, ttscope

SPOKEN = {"text": "The quick brown fox jumps over the lazy dog."}
REFUSED = {"text": "(happy)"}
"""A request that passes through all telemetry, but no model: its CPU time is that of the server alone."""
OFF = {"METRICS_ENABLED": "false", "OTEL_SDK_DISABLED": "true"}


@dataclass(slots=True)
class Side:
    """One of the two servers, and its figures."""

    name: str
    server: ServerProcess
    throughput: list[float] = field(default_factory=list)
    """The synthesized requests per second of each round."""
    cpu: list[float] = field(default_factory=list)
    """The seconds of CPU for a rejected request, in each round."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server (default %(default)s)")
    parser.add_argument("--spoken", type=int, default=20, help="spoken requests a turn (default %(default)s)")
    parser.add_argument("--refused", type=int, default=1000, help="refused requests a turn (default %(default)s)")
    parser.add_argument("--otlp", default="http://127.0.0.1:4317", help="a Collector (default %(default)s)")
    options = parser.parse_args(arguments)
    return asyncio.run(run(options.rounds, options.spoken, options.refused, options.otlp))


async def run(rounds: int, spoken: int, refused: int, otlp: str) -> int:
    """Measures, and prints the figures."""
    exported = _is_listening(otlp)
    print(f"on: everything{f', exported to {otlp}' if exported else '; no Collector at ' + otlp + ', so no export'}")
    export = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp} if exported else {}
    async with (
        running(ttscope(**export)) as with_telemetry,
        running(ttscope(**OFF)) as without_telemetry,
        aiohttp.ClientSession() as session,
    ):
        on, off = Side("on", with_telemetry), Side("off", without_telemetry)
        for number in range(-1, rounds):  # the first turn warms up and does not count
            for side in (on, off) if number % 2 else (off, on):
                await _turn(session, side, spoken, refused, is_counted=number >= 0)
    _report(on, off)
    return 0


async def _turn(session: aiohttp.ClientSession, side: Side, spoken: int, refused: int, is_counted: bool) -> None:
    start = time.perf_counter()
    await _send(session, side, SPOKEN, spoken, 200)
    throughput = spoken / (time.perf_counter() - start)
    before = side.server.cpu_seconds()
    await _send(session, side, REFUSED, refused, 422)
    cpu = (side.server.cpu_seconds() - before) / refused
    if is_counted:
        side.throughput.append(throughput)
        side.cpu.append(cpu)


async def _send(session: aiohttp.ClientSession, side: Side, body: dict[str, str], times: int, expected: int) -> None:
    for _ in range(times):
        async with session.post(f"{side.server.url}/tts", json=body) as response:
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


def _is_listening(url: str) -> bool:
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=2):
            return True
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
