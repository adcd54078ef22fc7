"""A client on a bare socket: it sends what no HTTP library would, and sees every byte of the answer."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
import struct
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

DEADLINE_SECONDS = 60
STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3})")


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The error's code."""
        return json.loads(self.body)["error"]["code"]

    @property
    def message(self) -> str:
        return json.loads(self.body)["error"]["message"]


class RawClient:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, url: str, tls: ssl.SSLContext | None = None) -> RawClient:
        host, port = url.partition("://")[2].split(":")
        return cls(*await asyncio.open_connection(host, int(port), ssl=tls))

    async def send(self, data: bytes) -> None:
        """Sends all of it; a server that has ended the connection meanwhile is no failure."""
        with suppress(ConnectionError):
            self._writer.write(data)
            await self._writer.drain()

    def end(self) -> None:
        """Ends the sending side alone."""
        self._writer.write_eof()

    def leave(self) -> None:
        """Closes the connection as a program does that ends."""
        self._writer.close()

    def reset(self) -> None:
        """Ends the connection by a reset."""
        linger = struct.pack("ii", 1, 0)
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    def shut_down(self) -> None:
        """Ends the sending side of the TCP connection below TLS."""
        self._below().shutdown(socket.SHUT_WR)

    def send_below(self, data: bytes) -> None:
        """Sends bytes that are not encrypted, on a connection with TLS."""
        self._below().sendall(data)

    def certificate(self) -> bytes:
        """The server's certificate (DER)."""
        return self._writer.get_extra_info("ssl_object").getpeercert(True)

    def _below(self) -> socket.socket:
        """The socket below TLS, as a handle of its own."""
        return socket.socket(fileno=os.dup(self._writer.get_extra_info("socket").fileno()))

    async def head(self) -> tuple[int, dict[str, str]]:
        """The next head, also of an interim response."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:] if line)

    async def chunked(self) -> tuple[list[str], bytes, list[str]]:
        """The next answer in chunks: the lines of its head, its body, and the lines of its trailer."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            head, body = await self._lines(), b""
            while size := int(await self._reader.readline(), 16):
                body += (await self._reader.readexactly(size + 2))[:-2]
            return head, body, await self._lines()

    async def _lines(self) -> list[str]:
        """The lines until an empty one."""
        lines = []
        while line := (await self._reader.readline()).decode().strip():
            lines.append(line)
        return lines

    async def answer(self) -> Answer:
        """The next answer with a length."""
        status, headers = await self.head()
        async with asyncio.timeout(DEADLINE_SECONDS):
            return Answer(status, headers, await self._reader.readexactly(int(headers.get("content-length", 0))))

    async def rest(self) -> bytes:
        """All that comes until the server ends the connection."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            with suppress(ConnectionError):
                return await self._reader.read()
            return b""


def speech(text: str, *headers: str, version: str = "1.1", **fields: Any) -> bytes:
    """A request of POST /tts."""
    body = json.dumps({"text": text, **fields}).encode()
    head = [f"POST /tts HTTP/{version}", "Host: localhost", "Content-Type: application/json"]
    return "\r\n".join([*head, f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body
