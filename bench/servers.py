"""Three servers with the same voice in one run: ours, Coqui's tts-server and piper's; writes its section of RESULTS.md.

All three stay up, and only the one that is measured runs: the others are stopped (SIGSTOP) meanwhile. They take turns,
round after round, with the same texts, so that a noisy minute of the machine hurts all alike.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import aiohttp

from bench.clients.figures import Figures, figures, median
from bench.clients.load import closed_loop, session_to
from bench.clients.passage import Reader
from bench.peak import measure_peak
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.servers_section import Measured, render
from bench.targets.contenders import Contender, MissingError, contenders
from bench.targets.process import Running, running

PROBE_WORDS = 80
"""Length of the texts by which times to first audio are compared, one client."""
REQUEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class ServersPlan:
    """How much is measured."""

    rounds: int
    requests: dict[int, int]
    """Of a turn, by number of clients."""
    probes: int
    """Texts of a turn that measures time to first audio."""
    turn_seconds: float
    """No request of a turn begins later."""


@dataclass(frozen=True, slots=True)
class Texts:
    """What is spoken in a round."""

    mixed: dict[int, list[str]]
    """By number of clients."""
    probes: list[str]


FULL = ServersPlan(rounds=3, requests={1: 8, 4: 16, 16: 32}, probes=3, turn_seconds=90.0)
QUICK = ServersPlan(rounds=1, requests={1: 6, 4: 8, 16: 16}, probes=3, turn_seconds=40.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, 0 when it was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.servers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: 3 minutes on 2 cores instead of 15")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(run(QUICK if options.quick else FULL, contenders()))
    except MissingError as error:
        print(error)
        return 1
    return 0


async def run(plan: ServersPlan, sides: Sequence[Contender]) -> None:
    """Measures, and writes what it found."""
    measured = {side.name: Measured(side.name) for side in sides}
    peaks: list[float] = []
    reader = Reader()
    async with AsyncExitStack() as stack:
        servers: dict[str, Running] = {}
        for side in sides:
            if side.program.name not in servers:
                servers[side.program.name] = server = await stack.enter_async_context(running(side.program))
                await warm_up(server, side)
                server.pause()
        for number in range(plan.rounds):
            peaks.append(await measure_peak())
            print(f"round {number + 1} of {plan.rounds}; matrix-multiply peak {peaks[-1]:.0f} GFLOP/s")
            texts = Texts(
                {clients: reader.mixed(count) for clients, count in plan.requests.items()},
                [reader.take(PROBE_WORDS) for _ in range(plan.probes)],
            )
            for side in rotated(sides, number):
                await measure(plan, side, servers[side.program.name], measured[side.name], texts)
    write_section("servers", render(list(measured.values()), median(peaks), plan.rounds, this_machine()))
    print(f"written: {RESULTS}")


async def warm_up(server: Running, side: Contender) -> None:
    """A few texts of all lengths, so that nobody pays for what is done once."""
    async with session_to(server.url, REQUEST_SECONDS) as session:
        await closed_loop(session, [side.request(text) for text in Reader(seed=0).mixed(4)], 2, REQUEST_SECONDS)


async def measure(plan: ServersPlan, side: Contender, server: Running, found: Measured, texts: Texts) -> None:
    """One contender's turns of a round."""
    server.resume()
    async with session_to(server.url, REQUEST_SECONDS) as session:
        found.probes.append(await turn(session, side, texts.probes, 1, plan.turn_seconds))
        for clients, chosen in texts.mixed.items():
            result = await turn(session, side, chosen, clients, plan.turn_seconds)
            found.turns.setdefault(clients, []).append(result)
            print(
                f"{side.name:16} {clients:3} clients  {result.requests_per_second:6.2f} requests/s  "
                f"first audio {median(result.first_audio):6.2f} s  failed {result.failures}"
            )
    found.memory = server.memory()
    server.pause()


async def turn(
    session: aiohttp.ClientSession, side: Contender, texts: Sequence[str], clients: int, most_seconds: float
) -> Figures:
    """These texts, spoken to so many clients."""
    return figures(await closed_loop(session, [side.request(text) for text in texts], clients, most_seconds))


def rotated(sides: Sequence[Contender], places: int) -> list[Contender]:
    """Another contender begins each round."""
    places %= len(sides)
    return [*sides[places:], *sides[:places]]


if __name__ == "__main__":
    sys.exit(main())
