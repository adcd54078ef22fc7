"""Load on a server: a closed loop of clients that wait for their answers, or an open loop at a fixed rate."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aiohttp

WAV_HEADER = 44
"""The number of bytes before the first sample."""
UNANSWERED = 0
"""The status of a request that got no complete answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request to a server for the speech of a text."""

    path: str
    body: bytes
    content_type: str
    text: str
    client: str = ""
    """The client's address as a proxy would forward it; empty for the address of this machine."""

    @property
    def words(self) -> int:
        """The number of words in the text."""
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request; times are in seconds, by the monotonic clock."""

    words: int
    status: int
    start: float
    end: float
    first_audio: float | None
    """The time from sending the request to the first byte after the WAV header; None without audio."""
    body: bytes
    retry_after: str | None = None
    """The header Retry-After."""

    @property
    def seconds(self) -> float:
        """The time from sending the request to the last byte of the answer."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class LoadRun:
    """The answers to some requests, and how long they took together."""

    clients: int
    seconds: float
    replies: tuple[Reply, ...]


def session_to(url: str, timeout: float) -> aiohttp.ClientSession:
    """Returns a session without a limit on connections, whose requests time out after ``timeout`` seconds."""
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=timeout))


async def send(session: aiohttp.ClientSession, request: Request, more: Mapping[str, str] | None = None) -> Reply:
    """Sends a request with ``more`` headers and reads its answer; without a whole answer the status is UNANSWERED."""
    headers = {"Content-Type": request.content_type, **(more or {})}
    if request.client:
        headers["X-Forwarded-For"] = request.client
    start, first_audio, body = time.monotonic(), None, bytearray()
    try:
        async with session.post(request.path, data=request.body, headers=headers) as response:
            async for chunk in response.content.iter_any():
                body += chunk
                if first_audio is None and response.status == 200 and len(body) > WAV_HEADER:
                    first_audio = time.monotonic() - start
            status, retry_after = response.status, response.headers.get("Retry-After")
    except (TimeoutError, aiohttp.ClientError, OSError):
        return Reply(request.words, UNANSWERED, start, time.monotonic(), None, b"")
    return Reply(request.words, status, start, time.monotonic(), first_audio, bytes(body), retry_after)


async def closed_loop(
    session: aiohttp.ClientSession, requests: Sequence[Request], clients: int, max_seconds: float
) -> LoadRun:
    """Runs clients that share the requests: each sends the next one after its last answer, until ``max_seconds``."""
    waiting = iter(requests)
    replies: list[Reply] = []
    start = time.monotonic()

    async def client() -> None:
        while time.monotonic() - start < max_seconds and (request := next(waiting, None)):
            replies.append(await send(session, request))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return LoadRun(clients, time.monotonic() - start, tuple(replies))


async def open_loop(session: aiohttp.ClientSession, requests: Sequence[Request], rate: float) -> LoadRun:
    """Sends all requests at a fixed rate, whatever the answers; the run's time excludes the wait for the last ones."""
    return await scheduled_loop(session, [(number / rate, request) for number, request in enumerate(requests)])


async def scheduled_loop(session: aiohttp.ClientSession, schedule: Sequence[tuple[float, Request]]) -> LoadRun:
    """Sends each request at its time, in seconds from now and ascending, whatever the answers; the run's time excludes
    the wait for the last ones."""
    start = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for at, request in schedule:
            await asyncio.sleep(max(0.0, start + at - time.monotonic()))
            tasks.append(group.create_task(send(session, request)))
        seconds = time.monotonic() - start
    return LoadRun(0, seconds, tuple(task.result() for task in tasks))
