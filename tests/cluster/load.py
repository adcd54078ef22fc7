"""Clients that speak through the Service all the time, and write down how each request ended."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections import Counter
from dataclasses import dataclass

import aiohttp

CLIENTS = 3
TIMEOUT = aiohttp.ClientTimeout(total=30.0, sock_connect=5.0)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A request; ``error`` is empty if all audio arrived, and ``trace`` is its trace if an answer began."""

    begun: float
    ended: float
    keep_alive: bool
    error: str
    trace: str


class Load:
    """A context in which ``clients`` send short texts one after the other: every second one keeps its connection."""

    def __init__(self, address: str, key: str, clients: int = CLIENTS) -> None:
        self._url = f"http://{address}:8010/tts"
        self._headers = {"Authorization": f"Bearer {key}", "Host": "server"}
        self._clients = clients
        self._end = threading.Event()
        self._numbers = itertools.count(int(time.time()) % 100_000)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))
        self.attempts: list[Attempt] = []

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends after the requests that are on their way; again it does nothing."""
        self._end.set()
        self._thread.join()

    def failed(self) -> list[Attempt]:
        """Returns the requests that have failed."""
        return [attempt for attempt in list(self.attempts) if attempt.error]

    def wait_for(self, count: int, seconds: float = 120.0) -> None:
        """Returns after ``count`` more requests have ended."""
        deadline, wanted = time.monotonic() + seconds, len(self.attempts) + count
        while len(self.attempts) < wanted:
            assert time.monotonic() < deadline, f"{count} requests take over {seconds} s: {self.summary()}"
            time.sleep(0.1)

    def summary(self) -> dict[str, int]:
        """Returns how many requests ended in which way."""
        return dict(Counter(attempt.error or "spoken" for attempt in list(self.attempts)))

    async def _run(self) -> None:
        await asyncio.gather(*(self._speak_on(number % 2 == 0) for number in range(self._clients)))

    async def _speak_on(self, keep_alive: bool) -> None:
        connector = aiohttp.TCPConnector(force_close=not keep_alive)
        async with aiohttp.ClientSession(connector=connector, timeout=TIMEOUT) as session:
            while not self._end.is_set():
                await self._speak(session, keep_alive)

    async def _speak(self, session: aiohttp.ClientSession, keep_alive: bool) -> None:
        begun, trace, error = time.monotonic(), "", ""
        try:
            body = {"text": f"Number {next(self._numbers)}."}  # each differs, so that none comes from the cache
            async with session.post(self._url, json=body, headers=self._headers) as answer:
                trace = answer.headers.get("X-Trace-ID", "")
                await answer.read()
                error = "" if answer.status == 200 else str(answer.status)
        except (aiohttp.ClientError, TimeoutError) as failure:
            error = type(failure).__name__
            await asyncio.sleep(0.1)
        self.attempts.append(Attempt(begun, time.monotonic(), keep_alive, error, trace))
