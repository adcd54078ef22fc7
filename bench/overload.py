"""Measures the server at ten times its maximum rate, and when clients vanish; writes its section of RESULTS.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import aiohttp

from bench.clients.figures import Figures, figures
from bench.clients.load import Request, closed_loop, open_loop, session_to
from bench.clients.passage import Reader
from bench.clients.prober import Prober
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.overload_section import SETTLING_SECONDS, OverloadResult, render
from bench.targets.contenders import ttscope_request
from bench.targets.process import ServerProcess, running, ttscope
from bench.targets.processor import measure_usage
from bench.targets.target import Target
from bench.targets.vanishing import measure_vanishings

WORDS = 12
"""The number of words in all texts, so that requests per second mean the same with and without overload."""
FACTOR = 10
CLIENTS = 16
"""The number of clients that keep the server busy, but not overloaded."""
REQUEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class OverloadPlan:
    """The number of requests and clients, and the seconds of overload."""

    busy_requests: int
    seconds: float
    """The duration of the overload."""
    vanishings: int
    """The number of clients that vanish at each stage."""


FULL = OverloadPlan(busy_requests=160, seconds=40.0, vanishings=10)
QUICK = OverloadPlan(busy_requests=64, seconds=12.0, vanishings=3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 seconds of overload instead of 40")
    options = parser.parse_args(arguments)
    asyncio.run(run(QUICK if options.quick else FULL))
    return 0


async def run(plan: OverloadPlan) -> None:
    """Measures, and writes the section."""
    reader = Reader()
    requests = (ttscope_request(reader.take(WORDS)) for _ in count())
    async with running(ttscope()) as server, session_to(server.url, REQUEST_SECONDS) as session:
        await closed_loop(session, list(islice(requests, 8)), 4, REQUEST_SECONDS)
        run = await closed_loop(session, list(islice(requests, plan.busy_requests)), CLIENTS, REQUEST_SECONDS)
        busy = figures(run)
        print(f"busy: {busy.requests_per_second:.2f} requests/s of {WORDS} words to {CLIENTS} clients")
        result = await overload(session, server, requests, busy, plan.seconds)
        print(f"overloaded by {result.offered:.0f} requests/s: {result.audio_per_second:.1f} s of audio a second")
        vanishings = await measure_vanishings(session, Target(session, server.url), plan.vanishings)
    write_section("overload", render(result, vanishings, this_machine(), WORDS, CLIENTS))
    print(f"written: {RESULTS}")


async def overload(
    session: aiohttp.ClientSession, server: ServerProcess, requests: Iterator[Request], busy: Figures, seconds: float
) -> OverloadResult:
    """Sends FACTOR times as many requests as the server can serve, and reads the server's counts afterwards."""
    target = Target(session, server.url)
    rate = busy.requests_per_second * FACTOR
    # Prepared in advance, because the client runs on the server's cores.
    prepared = list(islice(requests, round(rate * seconds)))
    before = await target.snapshot()
    async with Prober(server.url) as prober, asyncio.TaskGroup() as group:
        usage = group.create_task(measure_usage(server.process, SETTLING_SECONDS, seconds))
        run = await open_loop(session, prepared, rate)
    counts = (await target.settled_snapshot(before.requests + len(run.replies))).since(before)
    health = prober.seconds_until(run.replies[0].start + run.seconds)
    return OverloadResult(busy, run, health, counts.outcomes, usage.result())


if __name__ == "__main__":
    sys.exit(main())
