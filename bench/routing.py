"""Measures time to first audio behind haproxy under a skewed load; writes its section of RESULTS.md.

The load is skewed in three ways: one server is slower, one server has clients of its own, and, with the real voice, one
server shares its core with another program.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import psutil

from bench.clients.figures import percentile
from bench.clients.load import Reply, Request, open_loop, session_to
from bench.clients.passage import Reader
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.routing_section import PolicyResult, Scenario, render
from bench.targets.contenders import MissingError, ttscope_stream_request
from bench.targets.haproxy import Policy, routed
from bench.targets.process import NO_CACHE, Program, free_port, running, ttscope

POLICIES = (
    Policy("roundrobin", weighted=False),
    Policy("leastconn", weighted=False),
    Policy("roundrobin", weighted=True),
    Policy("leastconn", weighted=True),
    Policy("random(2)", weighted=True),
)
SHORT_WORDS, LONG_WORDS = (4, 14), (60, 120)
LONG_SHARE = 0.2
"""The share of long texts, which are two thirds of the audio."""
SECONDS_PER_WORD = 0.37
"""Seconds of audio for a word of the passage, hummed."""
FAST, SLOW = 30.0, 10.0
"""Seconds of audio a second of the servers that hum: as fast as two cores speak, and a third of it."""
USED_SHARE = 0.7
"""The share of what all servers together can make that is requested."""
REQUEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class RoutingPlan:
    """How often the ways take turns, and how long each turn lasts."""

    rounds: int
    seconds: float


FULL, QUICK = RoutingPlan(2, 40.0), RoutingPlan(1, 20.0)


@dataclass(frozen=True, slots=True)
class RoutedServers:
    """The servers behind haproxy: the ports of API and agent check of each, and the address of the first."""

    ports: tuple[tuple[int, int], ...]
    first_url: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.routing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one turn of 20 seconds each instead of two of 40")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run(QUICK if options.quick else FULL))
    except MissingError as error:
        print(error)
        return 1
    return 0


async def run(plan: RoutingPlan) -> None:
    """Measures all scenarios, and writes the section."""
    scenarios, loads = [], []
    for measure in (slower_server, own_clients, shared_core):
        loads.append(os.getloadavg()[0])
        scenarios.append(await measure(plan))
    write_section("routing", render(scenarios, this_machine(), loads))
    print(f"written: {RESULTS}")


async def slower_server(plan: RoutingPlan) -> Scenario:
    """One of three servers has a third of the others' speed."""
    speeds = (SLOW, FAST, FAST)
    async with servers([humming(speed) for speed in speeds]) as group:
        results = await take_turns(group, USED_SHARE * sum(speeds), plan)
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
        results = await take_turns(group, USED_SHARE * (3 * FAST - own), plan, own_audio=own)
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
        results = await take_turns(group, USED_SHARE * 1.5 * rate, plan)
    return Scenario(
        "One server shares its core",
        "Two servers with the real voice, each on a core of its own; another program competes for the first one's. "
        f"A server that has its core for itself makes {rate:.0f} s of audio a second here; {USED_SHARE:.0%} of one and "
        "a half times as much is requested.",
        results,
    )


async def take_turns(
    group: RoutedServers, audio_per_second: float, plan: RoutingPlan, own_audio: float = 0.0
) -> tuple[PolicyResult, ...]:
    """Measures each way in turn, with requests for so much audio a second; ``own_audio`` is asked of the first server
    directly."""
    results = {policy: PolicyResult(policy, (), 0, (0,) * len(group.ports)) for policy in POLICIES}
    for number in range(plan.rounds):
        for policy in POLICIES:
            async with routed(policy, group.ports) as haproxy, session_to(haproxy.url, REQUEST_SECONDS) as session:
                async with asyncio.TaskGroup() as tasks:
                    if own_audio:
                        tasks.create_task(own_load(group.first_url, own_audio, plan.seconds, seed=100 + number))
                    replies = await send_all(session, audio_per_second, plan.seconds, seed=number)
                first_audio = tuple(reply.first_audio for reply in replies if reply.first_audio is not None)
                before = results[policy]
                results[policy] = PolicyResult(
                    policy,
                    before.first_audio + first_audio,
                    before.failures + len(replies) - len(first_audio),
                    tuple(a + b for a, b in zip(before.requests, haproxy.requests(), strict=True)),
                )
            print(
                f"{policy.balance:10} {'weights' if policy.weighted else '':7}",
                *(f"p{share * 100:.0f} {percentile(first_audio, share):.3f} s" for share in (0.5, 0.95)),
                f"of {len(replies)}",
            )
    return tuple(results.values())


async def send_all(
    session: aiohttp.ClientSession, audio_per_second: float, seconds: float, *, seed: int
) -> tuple[Reply, ...]:
    """Sends requests for so much audio a second, each from a client of its own."""
    requests = mixed(seconds * audio_per_second, seed)
    return (await open_loop(session, requests, len(requests) / seconds)).replies


async def own_load(url: str, audio_per_second: float, seconds: float, *, seed: int) -> None:
    """Sends the same kind of requests to one server directly."""
    async with session_to(url, REQUEST_SECONDS) as session:
        await send_all(session, audio_per_second, seconds, seed=seed)


def mixed(audio_seconds: float, seed: int) -> list[Request]:
    """Returns requests for about so much audio: short texts and a few long ones in random order."""
    reader, generator, requests = Reader(seed), random.Random(seed), []
    while audio_seconds > 0:
        words = generator.randint(*(LONG_WORDS if generator.random() < LONG_SHARE else SHORT_WORDS))
        address = f"10.{generator.randrange(256)}.{generator.randrange(256)}.{generator.randrange(1, 255)}"
        requests.append(replace(ttscope_stream_request(reader.take(words)), client=address))
        audio_seconds -= words * SECONDS_PER_WORD
    return requests


def humming(speed: float) -> Program:
    """Returns the program of a server of this speed."""
    return Program(f"hum {speed:g}", (sys.executable, "-m", "tests.loaded_server", str(speed)), "/ready", NO_CACHE)


def speaking(core: int) -> Program:
    """Returns the program of a server with the real voice on one core."""
    program = ttscope(TTSCOPE_THREADS="1", TTSCOPE_PROVIDERS="coqui")
    return replace(program, command=("taskset", "-c", str(core), *program.command))


@asynccontextmanager
async def servers(programs: Sequence[Program]) -> AsyncIterator[RoutedServers]:
    """Runs the servers, each with an agent check."""
    async with AsyncExitStack() as stack:
        ports, urls = [], []
        for program in programs:
            agent = free_port()
            own = {"TTSCOPE_AGENT_CHECK_PORT": str(agent), "TTSCOPE_TRUSTED_PROXIES": "127.0.0.1"}
            environment = {**program.environment, **own}
            server = await stack.enter_async_context(running(replace(program, environment=environment)))
            ports.append((int(server.url.rpartition(":")[2]), agent))
            urls.append(server.url)
        yield RoutedServers(tuple(ports), urls[0])


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
