"""A crowd of clients whose number rises and falls: an open loop, so that slow answers do not slow it down.

Each request has a connection of its own, since a Service spreads connections over the servers and not requests.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

from bench.clients.load import UNANSWERED, Reply, Request, send
from bench.clients.passage import Reader

WORDS = 25
"""The number of words in each text; no text is spoken twice."""
TIMEOUT = aiohttp.ClientTimeout(total=180.0, sock_connect=10.0)
REFUSED = frozenset({429, 503})


@dataclass(frozen=True, slots=True)
class Results:
    """How the requests of a time ended."""

    spoken: int
    refused: int
    """Answered with 429 or 503 and a time after which to ask again."""
    failed: int
    first_audio_p50: float
    first_audio_p95: float


class Crowd:
    """A context in which ``rate`` requests a second arrive at random, from the owners of ``keys`` in turn."""

    def __init__(self, address: str, keys: Sequence[str], seed: int = 1) -> None:
        self._url = f"http://{address}:8010"
        self._keys = keys
        self._random = random.Random(seed)
        self._reader = Reader(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.rate = 0.0
        self.replies: list[Reply] = []

    def __enter__(self) -> Crowd:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def results(self, begin: float, end: float) -> Results:
        """Returns the results of requests that were sent between two times of the monotonic clock."""
        replies = [reply for reply in list(self.replies) if begin <= reply.start < end]
        waits = sorted(reply.first_audio for reply in replies if reply.first_audio is not None)
        refused = [reply for reply in replies if reply.status in REFUSED and reply.retry_after]
        return Results(
            spoken=len(waits),
            refused=len(refused),
            failed=len(replies) - len(waits) - len(refused),
            first_audio_p50=_quantile(waits, 0.5),
            first_audio_p95=_quantile(waits, 0.95),
        )

    def alone(self, count: int) -> float:
        """Returns the median time in seconds of ``count`` requests, one after the other."""
        return asyncio.run(self._alone(count))

    async def _alone(self, count: int) -> float:
        async with self._session() as session:
            replies = [await self._speak(session, number) for number in range(count)]
        assert all(reply.status == 200 for reply in replies), describe(replies[0])
        return _quantile(sorted(reply.seconds for reply in replies), 0.5)

    async def _run(self) -> None:
        number, due = 0, time.monotonic()
        async with self._session() as session, asyncio.TaskGroup() as group:
            while not self._end.is_set():
                now = time.monotonic()
                if self.rate and now >= due:
                    group.create_task(self._record(session, number))
                    number, due = number + 1, max(due, now - 1.0) + self._random.expovariate(self.rate)
                await asyncio.sleep(0.01)

    async def _record(self, session: aiohttp.ClientSession, number: int) -> None:
        self.replies.append(await self._speak(session, number))

    async def _speak(self, session: aiohttp.ClientSession, number: int) -> Reply:
        text = self._reader.take(WORDS)
        body = json.dumps({"text": text, "stream": True}).encode()
        key = self._keys[number % len(self._keys)]
        request = Request("/tts", body, "application/json", text)
        return await send(session, request, {"Authorization": f"Bearer {key}", "Host": "server"})

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        return aiohttp.ClientSession(self._url, connector=connector, timeout=TIMEOUT)


def describe(reply: Reply) -> str:
    """Returns how a request failed."""
    return "no whole answer" if reply.status == UNANSWERED else f"{reply.status} {reply.body[:200]!r}"


def _quantile(values: Sequence[float], share: float) -> float:
    """Returns the value at a share of sorted values; 0 without values."""
    return round(values[min(len(values) - 1, int(share * len(values)))], 3) if values else 0.0
