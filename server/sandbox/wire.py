"""How the server and a sandboxed process exchange messages: a JSON object and raw bytes, never code.

A process that has been taken over by its input may send anything, so nothing here unpickles, and every size is bounded.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from struct import Struct
from typing import Any

SIZES = Struct("!II")
"""Bytes of the JSON object, and of the payload."""
MAX_BYTES = 512 * 1024**2
"""The largest message: 15 minutes of audio at 48 kHz in 32-bit samples are 173 MB."""

Message = Mapping[str, Any]


def send(connection: socket.socket, message: Message, payload: bytes | memoryview = b"") -> None:
    """Sends one message with its payload. Raises OSError when the other end is gone, or does not read in time."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    head = SIZES.pack(len(body), len(payload)) + body
    if payload:
        connection.sendall(head)
        connection.sendall(payload)
    else:
        connection.sendall(head)


def receive(connection: socket.socket, deadline: float | None = None) -> tuple[dict[str, Any], bytes]:
    """Returns the next message and its payload.

    ``deadline`` is a time of ``time.monotonic``. Raises EOFError when the other end has closed, TimeoutError after the
    deadline, ValueError when what came is no message, and OSError for what else goes wrong.
    """
    body_bytes, payload_bytes = SIZES.unpack(_exactly(connection, SIZES.size, deadline))
    if body_bytes + payload_bytes > MAX_BYTES:
        raise ValueError("the message is too large")
    message = json.loads(_exactly(connection, body_bytes, deadline))
    if not isinstance(message, dict):
        raise ValueError("the message is no object")
    return message, bytes(_exactly(connection, payload_bytes, deadline)) if payload_bytes else b""


def _exactly(connection: socket.socket, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
        count = connection.recv_into(view)
        if not count:
            raise EOFError
        view = view[count:]
    return data
