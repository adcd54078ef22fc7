"""What the server does at ten times the rate that it can serve, and when clients vanish; its section of RESULTS.md."""

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
from bench.results.overload_section import SETTLING_SECONDS, Flood, render
from bench.targets.contenders import ask_ttscope
from bench.targets.process import Running, running, ttscope
from bench.targets.processor import watch
from bench.targets.target import Target
from bench.targets.vanishing import vanish_everywhere

WORDS = 12
"""Length of all texts, so that requests per second mean the same with and without overload."""
FACTOR = 10
CLIENTS = 16
"""Who keep the server busy, but not overloaded."""
REQUEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class OverloadPlan:
    """How much is measured."""

    busy_requests: int
    seconds: float
    """Of overload."""
    vanishings: int
    """Of each kind."""


FULL = OverloadPlan(busy_requests=160, seconds=40.0, vanishings=10)
QUICK = OverloadPlan(busy_requests=64, seconds=12.0, vanishings=3)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, 0 when it was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.overload", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="12 seconds of overload instead of 40")
    options = parser.parse_args(arguments)
    asyncio.run(run(QUICK if options.quick else FULL))
    return 0


async def run(plan: OverloadPlan) -> None:
    """Measures, and writes what it found."""
    reader = Reader()
    requests = (ask_ttscope(reader.take(WORDS)) for _ in count())
    async with running(ttscope()) as server, session_to(server.url, REQUEST_SECONDS) as session:
        await closed_loop(session, list(islice(requests, 8)), 4, REQUEST_SECONDS)
        turn = await closed_loop(session, list(islice(requests, plan.busy_requests)), CLIENTS, REQUEST_SECONDS)
        busy = figures(turn)
        print(f"busy: {busy.requests_per_second:.2f} requests/s of {WORDS} words to {CLIENTS} clients")
        flood = await overload(session, server, requests, busy, plan.seconds)
        print(f"overloaded by {flood.offered:.0f} requests/s: {flood.audio_per_second:.1f} s of audio a second")
        vanishings = await vanish_everywhere(session, Target(session, server.url), plan.vanishings)
    write_section("overload", render(flood, vanishings, this_machine(), WORDS, CLIENTS))
    print(f"written: {RESULTS}")


async def overload(
    session: aiohttp.ClientSession, server: Running, requests: Iterator[Request], busy: Figures, seconds: float
) -> Flood:
    """Many times as many requests as it can serve, and what the server says of them afterwards."""
    target = Target(session, server.url)
    rate = busy.requests_per_second * FACTOR
    # Made before: the client runs on the server's cores.
    prepared = list(islice(requests, round(rate * seconds)))
    before = await target.snapshot()
    async with Prober(server.url) as prober, asyncio.TaskGroup() as group:
        watching = group.create_task(watch(server.process, SETTLING_SECONDS, seconds))
        turn = await open_loop(session, prepared, rate)
    counted = (await target.settled(before.requests + len(turn.replies))).since(before)
    health = prober.seconds_until(turn.replies[0].begun + turn.seconds)
    return Flood(busy, turn, health, counted.outcomes, watching.result())


if __name__ == "__main__":
    sys.exit(main())
