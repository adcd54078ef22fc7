"""Measures replicas of the engine in a Ray cluster against the server alone; writes its section of RESULTS.md.

The server alone has one core, and so does each replica: its node's processes run on that core alone. In front of the
replicas are a server and a head node, which may use all cores, as the clients may.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence

from bench.clients.figures import figures, median
from bench.clients.load import closed_loop, session_to
from bench.clients.passage import Reader
from bench.results.file import RESULTS, write_section
from bench.results.machine import this_machine
from bench.results.ray_section import ALONE, ONE_REPLICA, TWO_REPLICAS, RayRound, render
from bench.targets.contenders import ttscope_stream_request
from bench.targets.process import NO_CACHE, Program, running, ttscope

CORES = (0, 1)
CLIENTS = 8
"""Requests at a time while throughput is measured."""
SHORT_WORDS = 12
"""The words of the texts whose first audio is measured."""
REQUEST_SECONDS = 300.0


def programs() -> dict[str, Program]:
    """Returns the three ways, by name."""
    python = (sys.executable, "-m")
    first, *_ = CORES
    alone = ttscope(TTSCOPE_PROVIDERS="coqui")
    local = (*python, "server.ray_serve", "local", "--cores")
    return {
        ALONE: Program(ALONE, ("taskset", "-c", str(first), *alone.command), alone.ready_path, alone.environment),
        ONE_REPLICA: Program(ONE_REPLICA, (*local, str(first)), "/ready", NO_CACHE),
        TWO_REPLICAS: Program(TWO_REPLICAS, (*local, ",".join(map(str, CORES))), "/ready", NO_CACHE),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.ray", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often the three ways take turns")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long throughput is measured in a turn")
    options = parser.parse_args(arguments)
    if len(os.sched_getaffinity(0)) < len(CORES):
        print(f"this needs {len(CORES)} cores")
        return 1
    asyncio.run(run(options.rounds, options.seconds))
    return 0


async def run(rounds: int, seconds: float) -> None:
    """Measures, and writes the section."""
    load = os.getloadavg()[0]
    turns: dict[str, list[RayRound]] = {name: [] for name in programs()}
    for number in range(rounds):
        for name, program in programs().items():
            async with running(program) as server:
                turns[name].append(turn := await measure(server.url, number, seconds))
            print(f"{name}: {turn.audio_per_second:.1f} s of audio per second, {turn.first_audio * 1e3:.0f} ms")
    write_section("ray", render(turns, CLIENTS, this_machine(), load))
    print(f"written: {RESULTS}")


async def measure(url: str, seed: int, seconds: float) -> RayRound:
    """Returns the figures of a server that is ready: the same texts for each way in a round."""
    reader = Reader(seed)
    warm_up, short = reader.mixed(2 * CLIENTS), [reader.take(SHORT_WORDS) for _ in range(20)]
    long = reader.mixed(round(40 * seconds))
    async with session_to(url, REQUEST_SECONDS) as session:
        await closed_loop(session, [ttscope_stream_request(text) for text in warm_up], CLIENTS, seconds)
        single = figures(await closed_loop(session, [ttscope_stream_request(text) for text in short], 1, seconds))
        loaded = figures(await closed_loop(session, [ttscope_stream_request(text) for text in long], CLIENTS, seconds))
    return RayRound(loaded.audio_per_second, median(single.first_audio), loaded.failures + single.failures)


if __name__ == "__main__":
    sys.exit(main())
