"""A client that vanishes, at every stage of its request: how soon the server frees its place."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import aiohttp

from bench.clients.figures import first_audio
from bench.clients.load import Request, send
from bench.clients.passage import Reader
from bench.targets.contenders import ttscope_request, ttscope_stream_request
from bench.targets.target import Target

WORDS = 400
NEXT_TEXT = "Is anybody there?"
"""The text of the next client: its time to first audio shows when the engine is free."""
CHUNKS = 4
"""The number of chunks that a client receives before it vanishes."""
SAME_CHUNK = 0.01
"""Two reads within this many seconds belong to one chunk."""
POLL_SECONDS = 0.002
TIMEOUT_SECONDS = 60.0
"""The time within which a place must be free."""
Stage = Literal["streaming", "synthesis", "queue"]


class StillTakenError(Exception):
    """The number of requests in flight did not become the expected one in time."""


@dataclass(frozen=True, slots=True)
class Vanishing:
    """One client that vanished; times are in seconds."""

    stage: Stage
    free_seconds: float
    """The time from closing the connection until the server counts one request less."""
    next_first_audio: float | None = None
    """The time to first audio of the next client, which comes at once; None if another one is still served."""
    chunks: tuple[float, ...] = ()
    """The times between chunks before it vanished: the time that the server needs for one."""


@dataclass(frozen=True, slots=True)
class Vanishings:
    """All clients that vanished, and for comparison an idle server."""

    clients: tuple[Vanishing, ...]
    idle_first_audio: tuple[float, ...]
    """The times to first audio of the same short text on an idle server."""


async def measure_vanishings(session: aiohttp.ClientSession, target: Target, times: int) -> Vanishings:
    """Lets ``times`` clients vanish at each stage, one after another. Raises StillTakenError."""
    reader = Reader(seed=2)
    idle_times = [await next_first_audio(session, target) for _ in range(times)]
    clients = []
    for _ in range(times):
        clients.append(await vanish_while_streaming(session, target, ttscope_stream_request(reader.take(WORDS))))
        clients.append(await vanish_during_synthesis(session, target, ttscope_request(reader.take(WORDS))))
        clients.append(await vanish_in_queue(session, target, [ttscope_request(reader.take(WORDS)) for _ in range(2)]))
    return Vanishings(tuple(clients), tuple(idle_times))


async def vanish_while_streaming(session: aiohttp.ClientSession, target: Target, request: Request) -> Vanishing:
    """Lets a client vanish after some chunks of a stream."""
    headers = {"Content-Type": request.content_type}
    async with session.post(request.path, data=request.body, headers=headers) as response:
        arrivals: list[float] = []
        async for _ in response.content.iter_any():
            arrival = time.monotonic()
            if not arrivals or arrival - arrivals[-1] > SAME_CHUNK:
                arrivals.append(arrival)
            if len(arrivals) > CHUNKS:
                break
        response.close()
        free_seconds = await wait_for_in_flight(target, 0)
    chunks = tuple(later - earlier for earlier, later in pairwise(arrivals))
    return Vanishing("streaming", free_seconds, await next_first_audio(session, target), chunks)


async def vanish_during_synthesis(session: aiohttp.ClientSession, target: Target, request: Request) -> Vanishing:
    """Lets a client vanish while its whole clip is synthesized."""
    async with pending_request(session, request) as task:
        await wait_for_in_flight(target, 1)
        await asyncio.sleep(0.5)
        task.cancel()
        free_seconds = await wait_for_in_flight(target, 0)
    return Vanishing("synthesis", free_seconds, await next_first_audio(session, target))


async def vanish_in_queue(session: aiohttp.ClientSession, target: Target, requests: list[Request]) -> Vanishing:
    """Lets a client vanish while its request is in the queue."""
    async with pending_request(session, requests[0]):
        await wait_for_in_flight(target, 1)
        async with pending_request(session, requests[1]) as task:
            await wait_for_in_flight(target, 2)
            task.cancel()
            free_seconds = await wait_for_in_flight(target, 1)
    await wait_for_in_flight(target, 0)
    return Vanishing("queue", free_seconds)


async def next_first_audio(session: aiohttp.ClientSession, target: Target) -> float:
    """Returns the time to first audio of a short text."""
    reply = await send(session, ttscope_stream_request(NEXT_TEXT))
    await wait_for_in_flight(target, 0)
    return first_audio(reply)


@asynccontextmanager
async def pending_request(session: aiohttp.ClientSession, request: Request) -> AsyncIterator[asyncio.Task[object]]:
    """Sends a request in a task, which is cancelled at the end of the block."""
    task: asyncio.Task[object] = asyncio.create_task(send(session, request))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def wait_for_in_flight(target: Target, in_flight: int) -> float:
    """Returns the seconds until the server counts ``in_flight`` requests in flight. Raises StillTakenError."""
    start = time.monotonic()
    while (await target.snapshot()).in_flight != in_flight:
        if time.monotonic() - start > TIMEOUT_SECONDS:
            raise StillTakenError(f"after {TIMEOUT_SECONDS:.0f} s there are not {in_flight} requests in flight")
        await asyncio.sleep(POLL_SECONDS)
    return time.monotonic() - start
