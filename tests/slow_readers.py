"""Clients that read slowly or not at all: real sockets with small buffers, so that the server keeps its bytes."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from typing import Any

LEAST_BUFFER = 4096
"""Bytes, of a reader that does not read. One that does needs more, or each of its packets waits for a timer."""
STEP_BYTES = 8192


class SlowReader:
    """A connection that asks for speech and reads the answer only when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, url: str, buffer: int = LEAST_BUFFER, tls: ssl.SSLContext | None = None) -> SlowReader:
        host, port = url.partition("://")[2].split(":")
        opened = socket.socket()
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        opened.setblocking(False)
        await asyncio.get_running_loop().sock_connect(opened, (host, int(port)))
        return cls(
            *await asyncio.open_connection(sock=opened, limit=1024, ssl=tls, server_hostname=host if tls else None)
        )

    async def ask(self, **body: Any) -> int:
        """Asks for speech, and reads no more of the answer than its status."""
        data = json.dumps(body).encode()
        head = f"POST /tts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(data)}\r\n"
        self._writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + data)
        return int((await self._reader.readline()).split()[1])

    async def trickle(self, pause: float) -> int:
        """Reads to the end with a pause after each STEP_BYTES; returns how many bytes it got, also if it is cut off."""
        size = 0
        try:
            while part := await self._reader.read(STEP_BYTES):
                if (size + len(part)) // STEP_BYTES > size // STEP_BYTES:
                    await asyncio.sleep(pause)
                size += len(part)
        except ConnectionError:
            pass
        return size

    def leave(self) -> None:
        self._writer.transport.abort()


async def admitted(
    url: str, *, buffer: int = LEAST_BUFFER, tls: ssl.SSLContext | None = None, **body: Any
) -> SlowReader:
    """A reader that was let in; one that finds no place asks again, as a client should."""
    async with asyncio.timeout(120):
        while True:
            reader = await SlowReader.connect(url, buffer, tls)
            if (status := await reader.ask(**body)) == 200:
                return reader
            reader.leave()
            assert status == 429
            await asyncio.sleep(0.05)
