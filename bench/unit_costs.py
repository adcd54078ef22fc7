"""Measures what a request costs each part around the engine; writes its section of RESULTS.md.

The server, Redis and the Collector run as processes of their own, and their processor time counts, so the figures hold
for one core. The engine only takes a moment for each step (bench/simulation), because it is measured elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import aiohttp

from bench.clients.load import Request, send, session_to
from bench.clients.passage import Reader
from bench.results.file import RESULTS, number, table, write_section
from bench.results.machine import this_machine
from bench.simulation.door_measurement import SPEED, DoorCost, measure_door
from bench.simulation.step_times import StepTimes
from bench.simulation.timed_server import timed_program
from bench.targets.collectors import running_collector
from bench.targets.contenders import MissingError, ttscope_stream_request
from bench.targets.otlp_receiver import LOGS, METRICS, TRACES, Exports, points_in, receiving
from bench.targets.process import Program, running
from bench.targets.redis_counter import running_redis

WORDS = 28
"""The mean number of words of the other benchmarks' texts."""
CPU_SECONDS = 3.0
HITS = 600
"""The number of requests by which Redis is timed."""
"""How long the Collector is kept busy with each signal."""
CLIENT = "10.1.2.3"
"""An address that has limits, as those of this machine have not."""
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a Redis that lives for a minute


@dataclass(frozen=True, slots=True)
class ExportCost:
    """What a request leaves in exports without compression, all traces kept."""

    spans: float
    trace_bytes: float
    event_bytes: float
    points: int
    """The data points of one export of the metrics of a server with one voice."""
    metric_bytes: int


@dataclass(frozen=True, slots=True)
class RedisCost:
    """Redis commands for a request, those inside of scripts too, and its processor time for a request in seconds."""

    miss: float
    hit: float
    hit_seconds: float


@dataclass(frozen=True, slots=True)
class CollectorCost:
    """The processor time of the Collector in seconds, for a span and for a data point."""

    span: float
    point: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when all was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.unit_costs", description=__doc__)
    parser.add_argument("--requests", type=int, default=100, help="requests of each kind (default %(default)s)")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    try:
        door, exports, redis, collector = asyncio.run(measure(options.requests))
    except MissingError as error:
        print(error)
        return 1
    heading = f"{this_machine().describe()} Load average before: {load:.1f}."
    body = render(door, exports, redis, collector, heading)
    print(body)
    write_section("units", body)
    print(f"written: {RESULTS}")
    return 0


async def measure(requests: int) -> tuple[DoorCost, ExportCost, RedisCost, CollectorCost]:
    """Measures everything. Raises MissingError."""
    times = StepTimes.read()
    with tempfile.NamedTemporaryFile() as file:
        times.faster(SPEED).write(Path(file.name))
        exports = await measure_exports(Path(file.name), requests)
        redis = await measure_redis(Path(file.name), requests)
    return await measure_door(times, requests // 4), cost_of(exports, requests), redis, await measure_collector(exports)


def with_environment(file: Path, environment: dict[str, str]) -> Program:
    """Returns the program of a server with these variables; its engine has the step times of ``file``."""
    program = timed_program(file, 1)
    return replace(program, environment={**program.environment, **environment})


def texts(count: int) -> list[Request]:
    """Returns requests for different texts."""
    reader = Reader(seed=12)
    return [ttscope_stream_request(reader.take(WORDS)) for _ in range(count)]


async def measure_exports(file: Path, requests: int) -> Exports:
    """Returns what a server exports of so many requests; it keeps all their traces."""
    async with receiving() as exports:
        environment = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": exports.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "TTSCOPE_TRACES_PER_SECOND": "100000",
            "TTSCOPE_REQUESTS_PER_MINUTE": "0",
        }
        async with running(with_environment(file, environment)) as server, session_to(server.url, 60) as session:
            for request in texts(requests):
                await send(session, request)
    return exports


def cost_of(exports: Exports, requests: int) -> ExportCost:
    """Returns the cost of a request."""
    last = max(exports.bodies[METRICS][-2:], key=len)  # the other one is of the HTTP instrumentation
    return ExportCost(
        exports.spans / requests,
        exports.bytes_of(TRACES) / requests,
        exports.bytes_of(LOGS) / requests,
        points_in(last),
        len(last),
    )


async def measure_redis(file: Path, requests: int) -> RedisCost:
    """Returns the commands that a server with a shared cache and limits sends for a request."""
    async with running_redis() as redis:
        environment = {
            "TTSCOPE_REDIS_URL": redis.url,
            "TTSCOPE_CACHE_SECRET": SECRET,
            "TTSCOPE_CACHE_BYTES": str(2**28),
            "TTSCOPE_REQUESTS_PER_MINUTE": "1000000",
            "TTSCOPE_TRUSTED_PROXIES": "127.0.0.1",
        }
        async with running(with_environment(file, environment)) as server, session_to(server.url, 60) as session:
            misses = texts(requests)
            counts = [await redis.commands()]
            for batch in (misses, misses):
                for request in batch:
                    await send(session, replace(request, client=CLIENT))
                counts.append(await redis.commands())
            before = redis.cpu_seconds()
            for _ in range(HITS):
                await send(session, replace(misses[0], client=CLIENT))
            seconds = redis.cpu_seconds() - before
    miss, hit = ((after - earlier) / requests for earlier, after in pairwise(counts))
    return RedisCost(miss, hit, seconds / HITS)


async def measure_collector(exports: Exports) -> CollectorCost:
    """Returns the processor time of the Collector, which gets a server's exports again and again."""
    points = sum(map(points_in, exports.bodies[METRICS]))
    async with running_collector() as collector, aiohttp.ClientSession(collector.url) as session:
        costs = []
        for path, amount in ((TRACES, exports.spans), (METRICS, points)):
            before, rounds = collector.cpu_seconds(), 0
            while collector.cpu_seconds() - before < CPU_SECONDS:
                for body in exports.bodies[path]:
                    async with session.post(
                        path, data=body, headers={"Content-Type": "application/x-protobuf"}
                    ) as response:
                        response.raise_for_status()
                rounds += 1
            costs.append((collector.cpu_seconds() - before) / (rounds * amount))
    return CollectorCost(*costs)


def render(door: DoorCost, exports: ExportCost, redis: RedisCost, collector: CollectorCost, heading: str) -> str:
    """Returns the section as Markdown."""
    rows = [
        ("event loop of the server, ms of processor time for a request", 1000 * door.request),
        ("event loop of the server, ms for each second of its audio", 1000 * door.audio_second),
        ("spans of a kept trace", exports.spans),
        ("bytes of a kept trace, OTLP", exports.trace_bytes),
        ("bytes of an event, OTLP", exports.event_bytes),
        ("data points of an export of metrics, 1 voice", exports.points),
        ("bytes of an export of metrics, 1 voice", exports.metric_bytes),
        ("Redis commands for a request that is in no cache, those in scripts too", redis.miss),
        ("Redis commands for a request that is in the server's own memory", redis.hit),
        ("Redis, us of processor time for such a request", 1e6 * redis.hit_seconds),
        ("Collector, us of processor time for a span", 1e6 * collector.span),
        ("Collector, us of processor time for a data point", 1e6 * collector.point),
    ]
    return "\n\n".join(
        [
            "## Unit costs",
            f"{heading} Streams of {WORDS} words. The Collector has the configuration of stack/config, and passes all "
            "on to another one.",
            table(("", "measured"), [(name, number(value)) for name, value in rows]),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
