"""Many sockets that are open and silent, and some that speak at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import aiohttp

from tests.socket_client import ANSWER_SECONDS, SocketClient, audio_of
from tests.socket_doors import DOORS, Door

SPEAKING = DOORS["deepgram"]
"""The format of those that speak: it has the fewest messages."""
TEXT = "The rain had stopped by noon. We walked along the river bank, and nobody said a word. Then she laughed."
WORD = "Yes."


class IdleSocket:
    """An open socket that reads, so that it answers pings, and speaks when it is asked to."""

    def __init__(self, door: Door, socket: SocketClient) -> None:
        self._door = door
        self._socket = socket
        self._answer = asyncio.create_task(socket.until(60 * ANSWER_SECONDS, **door.done))

    @property
    def closed(self) -> bool:
        return self._answer.done()

    async def wake(self) -> int:
        """Has a word spoken, and returns how many messages the answer has."""
        await self._door.say(self._socket, WORD)
        await self._door.end(self._socket)
        return len(await self._answer)

    def release(self) -> None:
        self._answer.cancel()


@dataclass(frozen=True)
class Said:
    """What a socket that speaks has received."""

    first_audio: float
    """Seconds from the text to the first audio."""
    size: int
    """Bytes of audio."""


@asynccontextmanager
async def idle_sockets(session: aiohttp.ClientSession, url: str, count: int) -> AsyncIterator[list[IdleSocket]]:
    """Opens so many sockets, of every format in turn, and closes them."""
    async with AsyncExitStack() as stack:
        sockets = []
        for door in islice(cycle(DOORS.values()), count):
            socket = SocketClient(await stack.enter_async_context(session.ws_connect(_address(url, door))))
            if door is SPEAKING:
                await socket.receive()  # its metadata
            sockets.append(IdleSocket(door, socket))
        try:
            yield sockets
        finally:
            for idle in sockets:
                idle.release()


async def said_at_once(session: aiohttp.ClientSession, url: str, count: int) -> list[Said]:
    """Has so many sockets speak a text at once."""
    return list(await asyncio.gather(*(_said(session, url) for _ in range(count))))


async def _said(session: aiohttp.ClientSession, url: str) -> Said:
    async with session.ws_connect(_address(url, SPEAKING)) as opened:
        socket = SocketClient(opened)
        await socket.receive()
        start = time.monotonic()
        await SPEAKING.say(socket, TEXT)
        first = await socket.receive()
        heard = time.monotonic() - start
        received = [first, *await socket.until(**SPEAKING.done)]
        return Said(heard, len(audio_of([each for each in received if each is not None])))


def _address(url: str, door: Door) -> str:
    return url.replace("http", "ws", 1) + door.path


def resident_bytes(pid: int) -> int:
    """Returns the memory that a process has in use."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
