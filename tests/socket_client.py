"""A client of the server's WebSockets, which sends what it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from tests.service_client import Client

ANSWER_SECONDS = 60.0
"""For the next message, on a busy machine."""

Received = dict[str, Any] | bytes
"""A message of JSON, or the bytes of a binary frame."""


class SocketClient:
    """One open socket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def receive(self, timeout: float = ANSWER_SECONDS) -> Received | None:  # noqa: ASYNC109 - aiohttp's own
        """Returns the next message; None when the server has closed the socket."""
        frame = await self.socket.receive(timeout=timeout)
        if frame.type is aiohttp.WSMsgType.TEXT:
            message: dict[str, Any] = json.loads(frame.data)
            return message
        if frame.type is aiohttp.WSMsgType.BINARY:
            data: bytes = frame.data
            return data
        return None

    async def until(self, timeout: float = ANSWER_SECONDS, /, **fields: Any) -> list[Received]:  # noqa: ASYNC109 - likewise
        """Returns the messages up to the first one with these fields; ``timeout`` is for each."""
        received: list[Received] = []
        while True:
            message = await self.receive(timeout)
            assert message is not None, f"the socket is closed after {received[-3:]}"
            received.append(message)
            if isinstance(message, dict) and fields.items() <= message.items():
                return received

    async def rest(self) -> list[Received]:
        """Returns what the server sends until it closes the socket."""
        received = []
        while (message := await self.receive()) is not None:
            received.append(message)
        return received


@asynccontextmanager
async def connected(client: Client, path: str, **options: Any) -> AsyncIterator[SocketClient]:
    """Opens a socket, and closes it."""
    url = client.url.replace("http", "ws", 1) + path
    async with client.session.ws_connect(url, **options) as socket:
        yield SocketClient(socket)


def audio_of(received: list[Received]) -> bytes:
    """Returns the binary frames, joined."""
    return b"".join(message for message in received if isinstance(message, bytes))


async def eventually(condition: Any) -> None:
    """Waits until ``condition`` is true."""
    async with asyncio.timeout(ANSWER_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
