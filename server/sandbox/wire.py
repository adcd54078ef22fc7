"""The messages between the server and a sandboxed process: a JSON object and raw bytes, never code.

A process that its input has compromised may send anything, so nothing is unpickled here, and every size is bounded.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Mapping
from struct import Struct
from typing import Any, TypeVar

SIZES = Struct("!II")
"""The sizes in bytes of the JSON object and of the payload."""
MAX_BYTES = 512 * 1024**2
"""The largest message: 15 minutes of audio at 48 kHz in 32-bit samples are 173 MB."""

Message = Mapping[str, Any]
Received = TypeVar("Received", bytes, int)


AT_ONCE = 64 * 1024
"""The number of bytes that one call receives: most messages are complete then."""


def limit_waiting(connection: socket.socket, seconds: float) -> None:
    """Limits every call that sends or receives to ``seconds``, after which it raises BlockingIOError.

    The kernel measures this time. With Python's own timeout, each call would be three.
    """
    value = Struct("ll").pack(int(seconds), int(seconds % 1 * 1e6))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connection.setsockopt(socket.SOL_SOCKET, option, value)


def frame(message: Message, payload_bytes: int = 0) -> bytes:
    """Returns the bytes of a message before its payload."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode()
    return SIZES.pack(len(body), payload_bytes) + body


def send(connection: socket.socket, message: Message, payload: bytes | memoryview = b"") -> None:
    """Sends one message with its payload. Raises OSError when the other end is closed or does not read in time."""
    connection.sendall(frame(message, len(payload)))
    if payload:
        connection.sendall(payload)


def receive(connection: socket.socket, deadline: float | None = None) -> tuple[dict[str, Any], bytes]:
    """Returns the next message and its payload; nothing else may follow it before it is answered.

    ``deadline`` is a time of ``time.monotonic``. Raises EOFError when the other end has closed, TimeoutError after the
    deadline, ValueError when the bytes are not a message, and OSError for other failures.
    """
    data: bytes | bytearray = connection.recv(AT_ONCE)
    while 0 < len(data) < SIZES.size:
        data += _more(connection.recv(AT_ONCE))
    if not data:
        raise EOFError
    body_bytes, payload_bytes = SIZES.unpack_from(data)
    size = SIZES.size + body_bytes + payload_bytes
    if not len(data) <= size <= MAX_BYTES:
        raise ValueError("the message is too large, or something follows it")
    if len(data) < size:
        data = _completed(connection, data, size, deadline)
    return parse(data), bytes(memoryview(data)[SIZES.size + body_bytes :])


def parse(data: bytes | bytearray) -> dict[str, Any]:
    """Returns the message that ``data`` begins with. Raises ValueError when there is none."""
    if len(data) < SIZES.size:
        raise ValueError("there is no message")
    message = json.loads(data[SIZES.size : SIZES.size + SIZES.unpack_from(data)[0]])
    if not isinstance(message, dict):
        raise ValueError("the message is no object")
    return message


def _completed(connection: socket.socket, beginning: bytes | bytearray, size: int, deadline: float | None) -> bytearray:
    data = bytearray(size)
    data[: len(beginning)] = beginning
    view = memoryview(data)[len(beginning) :]
    while view:
        view = view[_more(connection.recv_into(view)) :]
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError
    return data


def _more(received: Received) -> Received:
    if not received:
        raise EOFError
    return received
