"""Measures time to first audio behind haproxy under a skewed load; writes its section of RESULTS.md.

The load is skewed in three ways: one server is slower, one server has clients of its own, and, with the real voice and
--voice, one server shares its core with another program.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import psutil

from bench.clients.load import open_loop, session_to
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.routing_section import Scenario, render
from bench.targets.contenders import MissingError
from bench.targets.haproxy import routed_by_haproxy
from bench.targets.process import Program, ttscope
from bench.targets.routed_servers import (
    FULL,
    QUICK,
    REQUEST_SECONDS,
    SECONDS_PER_WORD,
    Policy,
    RoutingPlan,
    humming,
    mixed,
    send_all,
    servers,
    take_turns,
)

POLICIES = (
    Policy("roundrobin", weighted=False),
    Policy("leastconn", weighted=False),
    Policy("roundrobin", weighted=True),
    Policy("leastconn", weighted=True),
    Policy("random(2)", weighted=True),
)
FAST, SLOW = 30.0, 10.0
"""Seconds of audio a second of the servers that hum: as fast as two cores speak, and a third of it."""
USED_SHARE = 0.7
"""The share of what all servers together can make that is requested."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one turn of 20 seconds each instead of two of 40")
    parser.add_argument("--rounds", type=int, help="how many turns each way has")
    parser.add_argument("--voice", action="store_true", help="also with the real voice, on two quiet cores")
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    measures = (slower_server, own_clients, *([shared_core] if options.voice else []))
    try:
        asyncio.run(run(replace(plan, rounds=options.rounds or plan.rounds), measures))
    except MissingError as error:
        print(error)
        return 1
    return 0


async def run(plan: RoutingPlan, measures: Sequence[Callable[[RoutingPlan], Awaitable[Scenario]]]) -> None:
    """Measures the scenarios, and writes the section after each."""
    scenarios, loads = [], []
    for measure in measures:
        loads.append(os.getloadavg()[0])
        scenarios.append(await measure(plan))
        write_section("routing", render(scenarios, this_machine(), loads))
    print(f"written: {RESULTS}")


async def slower_server(plan: RoutingPlan) -> Scenario:
    """One of three servers has a third of the others' speed."""
    speeds = (SLOW, FAST, FAST)
    async with servers([humming(speed) for speed in speeds]) as group:
        results = await take_turns(group, routed_by_haproxy, POLICIES, USED_SHARE * sum(speeds), plan)
    return Scenario(
        "One server is slower",
        f"Three servers that hum at a set speed: {' '.join(f'{speed:g}' for speed in speeds)} s of audio a second. "
        f"{USED_SHARE:.0%} of what they can make together is requested.",
        results,
    )


async def own_clients(plan: RoutingPlan) -> Scenario:
    """One of three equal servers has clients that do not come through haproxy."""
    own = 0.75 * FAST
    async with servers([humming(FAST)] * 3) as group:
        results = await take_turns(
            group, routed_by_haproxy, POLICIES, USED_SHARE * (3 * FAST - own), plan, own_audio=own
        )
    return Scenario(
        "One server has other clients too",
        f"Three servers that hum at {FAST:g} s of audio a second. Other clients, whose answers are not counted, ask "
        f"the first one directly for {own:g} s of audio a second. Through haproxy come {USED_SHARE:.0%} of the rest.",
        results,
    )


async def shared_core(plan: RoutingPlan) -> Scenario:
    """Two servers with the real voice have a core each; another program keeps the first one's core busy."""
    rate = await one_core_rate()
    async with servers([speaking(core) for core in (0, 1)]) as group, busy_program(0):
        results = await take_turns(group, routed_by_haproxy, POLICIES, USED_SHARE * 1.5 * rate, plan)
    return Scenario(
        "One server shares its core",
        "Two servers with the real voice, each on a core of its own; another program competes for the first one's. "
        f"A server that has its core for itself makes {rate:.0f} s of audio a second here; {USED_SHARE:.0%} of one and "
        "a half times as much is requested.",
        results,
    )


def speaking(core: int) -> Program:
    """Returns the program of a server with the real voice on one core."""
    program = ttscope(TTSCOPE_THREADS="1", TTSCOPE_PROVIDERS="coqui")
    return replace(program, command=("taskset", "-c", str(core), *program.command))


async def one_core_rate() -> float:
    """Returns the seconds of audio a second of one server with the real voice on a core of its own."""
    async with servers([speaking(1)]) as group, session_to(group.first_url, REQUEST_SECONDS) as session:
        await send_all(session, 5.0, 5.0, seed=7)
        requests = mixed(200.0, seed=8)
        run = await open_loop(session, requests, 100.0)
        last = max(reply.end for reply in run.replies) - min(reply.start for reply in run.replies)
        return sum(reply.words for reply in run.replies) * SECONDS_PER_WORD / last


@asynccontextmanager
async def busy_program(core: int) -> AsyncIterator[None]:
    """Runs a program that never waits, on one core."""
    process = psutil.Popen(["taskset", "-c", str(core), sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        await asyncio.to_thread(process.wait)


if __name__ == "__main__":
    sys.exit(main())
