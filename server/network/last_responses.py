"""The last response of a connection that ends without the application: complete bytes, and time to read them."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from server.errors import SpeechError
from server.middleware.envelope import CONSTANT_HEADERS, describe

LINGER_SECONDS = 1.0
"""How long a rejected connection stays open for its client to read the response. Closing it at once, with unread bytes,
would reset it."""
MOST_LINGERING = 64


class Lingering:
    """The rejected connections of a port that are not closed yet, at most MOST_LINGERING."""

    def __init__(self) -> None:
        self._open: dict[object, None] = {}

    def end(self, connection: object, transport: asyncio.Transport, response: bytes = b"") -> None:
        """Sends ``response`` and nothing after it, and closes the connection after LINGER_SECONDS; at once if there are
        too many. ``connection`` must discard what it receives, and call ``closed``."""
        if transport.is_closing():
            return
        if response:
            transport.write(response)
        if len(self._open) >= MOST_LINGERING:
            transport.close()
            return
        self._open[connection] = None
        if transport.can_write_eof():
            transport.write_eof()
            asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)
        else:  # TLS has no half-closed connections
            asyncio.get_running_loop().call_later(LINGER_SECONDS, _close, transport)

    def closed(self, connection: object) -> None:
        self._open.pop(connection, None)


def _close(transport: asyncio.Transport) -> None:
    if not transport.is_closing():
        transport.close()


def last_response(error: SpeechError, request_id: str) -> bytes:
    """Returns a complete response for a connection without a request, with the headers of every response."""
    body = json.dumps({"error": describe(error)}).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": request_id,
        **CONSTANT_HEADERS,
        **error.headers,
    }
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body
