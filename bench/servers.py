"""Compares ttscope, Coqui's tts-server and piper's server with the same voice; writes its section of RESULTS.md.

All three stay up, but only the measured one runs: the others are suspended (SIGSTOP). They take turns in each round,
with the same texts, so that noise on the machine affects all of them.
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
from bench.results.servers_section import ContenderFigures, render
from bench.targets.contenders import Contender, MissingError, contenders
from bench.targets.process import ServerProcess, running

PROBE_WORDS = 80
"""The number of words in texts for the comparison of times to first audio with one client."""
REQUEST_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class ServersPlan:
    """The number of rounds and requests."""

    rounds: int
    requests: dict[int, int]
    """The number of requests in a turn, by number of clients."""
    probes: int
    """The number of texts in a turn that measures time to first audio."""
    turn_seconds: float
    """The time after which no request of a turn begins."""


@dataclass(frozen=True, slots=True)
class RoundTexts:
    """The texts of a round."""

    mixed: dict[int, list[str]]
    """Texts of mixed lengths, by number of clients."""
    probes: list[str]


FULL = ServersPlan(rounds=3, requests={1: 8, 4: 16, 16: 32}, probes=3, turn_seconds=90.0)
QUICK = ServersPlan(rounds=1, requests={1: 6, 4: 8, 16: 16}, probes=3, turn_seconds=40.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
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
    """Measures, and writes the section."""
    contenders = {side.name: ContenderFigures(side.name) for side in sides}
    peaks: list[float] = []
    reader = Reader()
    async with AsyncExitStack() as stack:
        servers: dict[str, ServerProcess] = {}
        for side in sides:
            if side.program.name not in servers:
                servers[side.program.name] = server = await stack.enter_async_context(running(side.program))
                await warm_up(server, side)
                server.pause()
        for number in range(plan.rounds):
            peaks.append(await measure_peak())
            print(f"round {number + 1} of {plan.rounds}; matrix-multiply peak {peaks[-1]:.0f} GFLOP/s")
            texts = RoundTexts(
                {clients: reader.mixed(count) for clients, count in plan.requests.items()},
                [reader.take(PROBE_WORDS) for _ in range(plan.probes)],
            )
            for side in rotated(sides, number):
                await measure(plan, side, servers[side.program.name], contenders[side.name], texts)
    write_section("servers", render(list(contenders.values()), median(peaks), plan.rounds, this_machine()))
    print(f"written: {RESULTS}")


async def warm_up(server: ServerProcess, side: Contender) -> None:
    """Sends a few texts of all lengths, so that work that is done once is not measured."""
    async with session_to(server.url, REQUEST_SECONDS) as session:
        await closed_loop(session, [side.request(text) for text in Reader(seed=0).mixed(4)], 2, REQUEST_SECONDS)


async def measure(
    plan: ServersPlan, side: Contender, server: ServerProcess, result: ContenderFigures, texts: RoundTexts
) -> None:
    """Measures one contender's turns of a round."""
    server.resume()
    async with session_to(server.url, REQUEST_SECONDS) as session:
        result.probes.append(await turn(session, side, texts.probes, 1, plan.turn_seconds))
        for clients, mixed_texts in texts.mixed.items():
            figures_of_turn = await turn(session, side, mixed_texts, clients, plan.turn_seconds)
            result.turns.setdefault(clients, []).append(figures_of_turn)
            print(
                f"{side.name:16} {clients:3} clients  {figures_of_turn.requests_per_second:6.2f} requests/s  "
                f"first audio {median(figures_of_turn.first_audio):6.2f} s  failed {figures_of_turn.failures}"
            )
    result.memory = server.memory()
    server.pause()


async def turn(
    session: aiohttp.ClientSession, side: Contender, texts: Sequence[str], clients: int, max_seconds: float
) -> Figures:
    """Returns the figures of these texts with this number of clients."""
    return figures(await closed_loop(session, [side.request(text) for text in texts], clients, max_seconds))


def rotated(sides: Sequence[Contender], places: int) -> list[Contender]:
    """Returns the contenders in another order, so that another one begins each round."""
    places %= len(sides)
    return [*sides[places:], *sides[:places]]


if __name__ == "__main__":
    sys.exit(main())
