"""A client that vanishes, at every stage of its request: how soon the server counts its place as free."""

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
from bench.targets.contenders import ask_ttscope, stream_ttscope
from bench.targets.target import Target

WORDS = 400
NEXT_TEXT = "Is anybody there?"
"""What the next client asks for: how soon it is heard tells when the engine is free."""
CHUNKS = 4
"""Chunks that a client hears before it vanishes."""
SAME_CHUNK = 0.01
"""Seconds between two reads under which they are one chunk."""
POLL = 0.002
PATIENCE = 60.0
"""Seconds in which a place must be free."""
Stage = Literal["streaming", "synthesis", "queue"]


class StillTakenError(Exception):
    """The count of requests in flight did not become what it must be."""


@dataclass(frozen=True, slots=True)
class Vanishing:
    """One client that left; times in seconds."""

    stage: Stage
    freed: float
    """From closing the connection until the server counts one request less."""
    next_first_audio: float | None = None
    """Time to first audio of the client that came at once in its place; None where another is still spoken to."""
    chunks: tuple[float, ...] = ()
    """Between chunks while it listened: what the server needs for one."""


@dataclass(frozen=True, slots=True)
class Vanishings:
    """All that left, beside a server that nobody has left."""

    clients: tuple[Vanishing, ...]
    idle_first_audio: tuple[float, ...]
    """Times to first audio of the same short text, when nothing came before."""


async def vanish_everywhere(session: aiohttp.ClientSession, target: Target, times: int) -> Vanishings:
    """So many clients of each kind, one after another. Raises StillTakenError."""
    reader = Reader(seed=2)
    idle = [await next_first_audio(session, target) for _ in range(times)]
    found = []
    for _ in range(times):
        found.append(await while_streaming(session, target, stream_ttscope(reader.take(WORDS))))
        found.append(await while_spoken(session, target, ask_ttscope(reader.take(WORDS))))
        found.append(await while_queued(session, target, [ask_ttscope(reader.take(WORDS)) for _ in range(2)]))
    return Vanishings(tuple(found), tuple(idle))


async def while_streaming(session: aiohttp.ClientSession, target: Target, request: Request) -> Vanishing:
    """Leaves after some chunks of a stream."""
    headers = {"Content-Type": request.content_type}
    async with session.post(request.path, data=request.body, headers=headers) as response:
        arrivals: list[float] = []
        async for _ in response.content.iter_any():
            now = time.monotonic()
            if not arrivals or now - arrivals[-1] > SAME_CHUNK:
                arrivals.append(now)
            if len(arrivals) > CHUNKS:
                break
        response.close()
        freed = await until(target, 0)
    chunks = tuple(later - earlier for earlier, later in pairwise(arrivals))
    return Vanishing("streaming", freed, await next_first_audio(session, target), chunks)


async def while_spoken(session: aiohttp.ClientSession, target: Target, request: Request) -> Vanishing:
    """Leaves while the whole clip is made."""
    async with asked(session, request) as task:
        await until(target, 1)
        await asyncio.sleep(0.5)
        task.cancel()
        freed = await until(target, 0)
    return Vanishing("synthesis", freed, await next_first_audio(session, target))


async def while_queued(session: aiohttp.ClientSession, target: Target, requests: list[Request]) -> Vanishing:
    """Leaves while it waits for another's clip."""
    async with asked(session, requests[0]):
        await until(target, 1)
        async with asked(session, requests[1]) as task:
            await until(target, 2)
            task.cancel()
            freed = await until(target, 1)
    await until(target, 0)
    return Vanishing("queue", freed)


async def next_first_audio(session: aiohttp.ClientSession, target: Target) -> float:
    """Time to first audio of a short text that is asked for now."""
    reply = await send(session, stream_ttscope(NEXT_TEXT))
    await until(target, 0)
    return first_audio(reply)


@asynccontextmanager
async def asked(session: aiohttp.ClientSession, request: Request) -> AsyncIterator[asyncio.Task[object]]:
    """A request on its way, which is given up at the end of the block."""
    task: asyncio.Task[object] = asyncio.create_task(send(session, request))
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(target: Target, in_flight: int) -> float:
    """Seconds until the server counts so many requests in flight. Raises StillTakenError."""
    begun = time.monotonic()
    while (await target.snapshot()).in_flight != in_flight:
        if time.monotonic() - begun > PATIENCE:
            raise StillTakenError(f"after {PATIENCE:.0f} s there are not {in_flight} requests in flight")
        await asyncio.sleep(POLL)
    return time.monotonic() - begun
