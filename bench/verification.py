"""Measures what ``"verify": true`` adds to the time of a request; writes its section of RESULTS.md.

Each text is asked for twice in turn, without and with verification, so that both meet the same machine. Half of the
texts of a length are asked for alone, half by CLIENTS clients at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from bench.clients.load import session_to
from bench.clients.passage import Reader
from bench.results.file import RESULTS, number, table, write_section
from bench.results.machine import this_machine
from bench.targets.process import running, ttscope

WORDS = (6, 15, 40, 100)
CLIENTS = 4
REQUEST_SECONDS = 300.0
OK = 200


@dataclass(frozen=True, slots=True)
class Pair:
    """A text that was spoken without and with verification."""

    words: int
    clients: int
    plain: float
    """Seconds of the answer without verification."""
    verified: float
    result: str
    """What X-TTS-Verification says."""

    @property
    def share(self) -> float:
        """The share of the time of the verified request that verification took; below 0 by chance."""
        return 1.0 - self.plain / self.verified


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 when all was measured."""
    parser = argparse.ArgumentParser(prog="python -m bench.verification", description=__doc__)
    parser.add_argument("--texts", type=int, default=20, help="texts of each length (default %(default)s)")
    parser.add_argument("--try", dest="trial", action="store_true", help="print the section instead of writing it")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    pairs = asyncio.run(measure(options.texts))
    body = render(pairs, f"{this_machine().describe()} Load average before: {load:.1f}.")
    print(body)
    if not options.trial:
        write_section("verification", body)
        print(f"written: {RESULTS}")
    return 0


async def measure(count: int) -> list[Pair]:
    """Returns ``count`` pairs of each length. Raises SystemExit if a request fails."""
    reader, pairs = Reader(seed=7), []
    program = ttscope(TTSCOPE_DEADLINE_SECONDS=f"{REQUEST_SECONDS:g}", TTSCOPE_REQUESTS_PER_MINUTE="0")
    async with running(program) as server, session_to(server.url, REQUEST_SECONDS) as session:
        for verify in (False, True):  # the recogniser starts with the first request that needs it
            await speak(session, "The first request starts the recogniser.", verify)
        for words in WORDS:
            texts = [reader.take(words) for _ in range(count)]
            for clients, half in ((1, texts[::2]), (CLIENTS, texts[1::2])):
                pairs += await pairs_of(session, half, clients)
    return pairs


async def pairs_of(session: aiohttp.ClientSession, texts: Sequence[str], clients: int) -> list[Pair]:
    """Has ``clients`` at once ask for the texts, each for one after the other."""
    waiting = iter(texts)
    pairs: list[Pair] = []

    async def client() -> None:
        for text in waiting:
            plain, _ = await speak(session, text, verify=False)
            verified, result = await speak(session, text, verify=True)
            pairs.append(Pair(len(text.split()), clients, plain, verified, result))

    await asyncio.gather(*(client() for _ in range(clients)))
    return pairs


async def speak(session: aiohttp.ClientSession, text: str, verify: bool) -> tuple[float, str]:
    """Returns the seconds to the last byte of the answer, and what verification said. Raises SystemExit."""
    begun = time.monotonic()
    async with session.post("/tts", json={"text": text, "verify": verify}) as response:
        body = await response.read()
        if response.status != OK:
            raise SystemExit(f"a request was answered with {response.status}: {json.loads(body)['error']['message']}")
        return time.monotonic() - begun, response.headers.get("X-TTS-Verification", "")


def render(pairs: Sequence[Pair], heading: str) -> str:
    """Returns the section as Markdown."""
    rows = []
    for clients in (1, CLIENTS):
        for words in WORDS:
            own = [pair for pair in pairs if (pair.words, pair.clients) == (words, clients)]
            again = sum(pair.result != "passed" for pair in own)
            rows.append((f"{words} words, {clients} client{'s' if clients > 1 else ''}", *_figures(own), str(again)))
    counts = Counter(pair.result for pair in pairs).most_common()
    results = ", ".join(f"{count} {name}" for name, count in counts)
    head = ("", "without, s", "with, s", "added, s", "share of the request", "not passed at once")
    return "\n\n".join([
        "## Verification of single requests",
        f"{heading} Whole answers; p50 of {len(pairs) // len(rows)} texts a line, each spoken without and with "
        f"`\"verify\": true` in turn. Results: {results}.",
        table(head, rows),
    ])  # fmt: skip


def _figures(pairs: Sequence[Pair]) -> tuple[str, str, str, str]:
    plain, verified, added, share = (
        statistics.median(values)
        for values in zip(*((p.plain, p.verified, p.verified - p.plain, p.share) for p in pairs), strict=True)
    )
    return number(plain), number(verified), number(added), f"{share:.0%}"


if __name__ == "__main__":
    sys.exit(main())
