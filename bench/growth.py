"""Measures how time to first audio and latency grow with a text, and with clients; writes its section of RESULTS.md."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from bench.clients.figures import Figures, figures, percentile
from bench.clients.load import LoadRun, closed_loop, session_to
from bench.clients.passage import Reader
from bench.results.file import RESULTS, write_section
from bench.results.growth_section import Point, render
from bench.results.machine import this_machine
from bench.targets.contenders import ttscope_stream_request
from bench.targets.process import running, ttscope

MAX_CHARACTERS = 20_000
"""The server's limit on a text, a setting, for this measurement; 2,000 words have 11,000 characters."""
CLIENT_WORDS = 25
"""The number of words in all texts while the number of clients grows; no text is spoken twice."""
REQUESTS_A_CLIENT = 3
MIN_REQUESTS = 6
REQUEST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class GrowthPlan:
    """The lengths and the numbers of clients to measure."""

    words: dict[int, int]
    """The number of requests by length of the text, one after another; all texts begin with the same sentences."""
    clients: tuple[int, ...]


FULL = GrowthPlan({20: 5, 40: 5, 80: 5, 150: 5, 400: 5, 1000: 2, 2000: 1}, (1, 2, 4, 8, 16, 32, 64))
QUICK = GrowthPlan({20: 3, 40: 3, 80: 3, 150: 3, 400: 3}, (1, 2, 4, 8, 16))


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when the measurement is complete."""
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="texts up to 400 words and 16 clients only")
    options = parser.parse_args(arguments)
    asyncio.run(run(QUICK if options.quick else FULL))
    return 0


async def run(plan: GrowthPlan) -> None:
    """Measures, and writes the section."""
    program = ttscope(TTSCOPE_MAX_TEXT_CHARACTERS=str(MAX_CHARACTERS))
    async with running(program) as server, session_to(server.url, REQUEST_SECONDS) as session:
        await speak(session, Reader(seed=0).mixed(4), 2)
        by_words = []
        for words, count in plan.words.items():
            reader = Reader()
            run = await speak(session, [reader.take(words) for _ in range(count)], 1)
            by_words.append(point(words, figures(run)))
        reader, by_clients = Reader(), []
        for clients in plan.clients:
            count = max(MIN_REQUESTS, clients * REQUESTS_A_CLIENT)
            run = await speak(session, [reader.take(CLIENT_WORDS) for _ in range(count)], clients)
            by_clients.append(point(clients, figures(run)))
    write_section("growth", render(by_words, by_clients, CLIENT_WORDS, this_machine()))
    print(f"written: {RESULTS}")


async def speak(session: aiohttp.ClientSession, texts: Sequence[str], clients: int) -> LoadRun:
    """Requests the texts as streams."""
    return await closed_loop(session, [ttscope_stream_request(text) for text in texts], clients, REQUEST_SECONDS)


def point(x: int, run: Figures) -> Point:
    """Returns and prints the figures of this length, or of this number of clients."""
    result = Point(
        x,
        len(run.latencies),
        run.failures,
        percentile(run.first_audio, 0.5),
        percentile(run.first_audio, 0.95),
        percentile(run.latencies, 0.5),
        percentile(run.latencies, 0.95),
        run.requests_per_second,
    )
    print(
        f"{x:5}  first audio {result.first_audio_p50:.3f} s  latency {result.latency_p50:.3f} s  failed {run.failures}"
    )
    return result


if __name__ == "__main__":
    sys.exit(main())
