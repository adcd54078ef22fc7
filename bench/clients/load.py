"""Load on a server: clients that each wait for their answer, or requests that come at a rate whatever happens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import aiohttp

WAV_HEADER = 44
"""Bytes before the first sample."""
UNANSWERED = 0
"""The status of a request that got no complete answer."""


@dataclass(frozen=True, slots=True)
class Request:
    """A text on its way to a server."""

    path: str
    body: bytes
    content_type: str
    text: str

    @property
    def words(self) -> int:
        """Of the text."""
        return len(self.text.split())


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a request; times are in seconds, by the monotonic clock."""

    words: int
    status: int
    begun: float
    ended: float
    first_audio: float | None
    """From sending the request to the first byte after the WAV header; None without audio."""
    body: bytes
    retry_after: str | None = None
    """The header of that name."""

    @property
    def seconds(self) -> float:
        """From sending the request to the last byte of the answer."""
        return self.ended - self.begun


@dataclass(frozen=True, slots=True)
class Turn:
    """What came of some requests, and how long they took together."""

    clients: int
    seconds: float
    replies: tuple[Reply, ...]


def session_to(url: str, timeout: float) -> aiohttp.ClientSession:
    """A session with as many connections as there are requests, each of which may take so many seconds."""
    connector = aiohttp.TCPConnector(limit=0)
    return aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=timeout))


async def send(session: aiohttp.ClientSession, request: Request) -> Reply:
    """Send a request and read its answer to the end; no answer makes a reply too."""
    headers = {"Content-Type": request.content_type}
    begun, first_audio, body = time.monotonic(), None, bytearray()
    try:
        async with session.post(request.path, data=request.body, headers=headers) as response:
            async for part in response.content.iter_any():
                body += part
                if first_audio is None and response.status == 200 and len(body) > WAV_HEADER:
                    first_audio = time.monotonic() - begun
            status, retry_after = response.status, response.headers.get("Retry-After")
    except (TimeoutError, aiohttp.ClientError, OSError):
        return Reply(request.words, UNANSWERED, begun, time.monotonic(), None, b"")
    return Reply(request.words, status, begun, time.monotonic(), first_audio, bytes(body), retry_after)


async def closed_loop(
    session: aiohttp.ClientSession, requests: Sequence[Request], clients: int, most_seconds: float
) -> Turn:
    """So many clients share the requests, each sends its next when its last is answered; none begins after the time."""
    waiting = iter(requests)
    replies: list[Reply] = []
    begun = time.monotonic()

    async def client() -> None:
        while time.monotonic() - begun < most_seconds and (request := next(waiting, None)):
            replies.append(await send(session, request))

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    return Turn(clients, time.monotonic() - begun, tuple(replies))


async def open_loop(session: aiohttp.ClientSession, requests: Sequence[Request], rate: float) -> Turn:
    """All requests, so many a second, whatever the answers; the turn's time leaves out the wait for the last ones."""
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        tasks = []
        for number, request in enumerate(requests):
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            tasks.append(group.create_task(send(session, request)))
        sent = time.monotonic() - begun
    return Turn(0, sent, tuple(task.result() for task in tasks))
