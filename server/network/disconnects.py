"""Tells a client that has gone from one that has only closed its sending side.

The end of what a client sends looks the same in both cases. But the system of a client that has gone answers whatever
is sent to it by a reset, so an interim response is sent after a while: HTTP/1.1 allows it before every response, and
clients skip it (RFC 9110, section 15.2).
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Callable

LOOK_SECONDS = 0.25
"""How often the socket is looked at for a reset."""
PROBE_SECONDS = 1.0
"""How long an answer is waited for before the interim response: most answers are quicker, and need none."""
INTERIM_RESPONSE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Of the interim responses, the one that all clients know: Python's http.client takes any other for the answer."""
ACKNOWLEDGED_SECONDS = 0.002
"""How often the socket is asked whether everything was acknowledged."""


class DisconnectMonitor:
    """Aborts a connection whose client has sent everything, once the client turns out to have gone."""

    def __init__(self, transport: asyncio.Transport, may_probe: Callable[[], bool]) -> None:
        """``may_probe`` returns whether an interim response may be sent now."""
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._may_probe = may_probe
        self._probe_time = self._loop.time() + PROBE_SECONDS
        self._probed = False
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        self._socket = transport.get_extra_info("socket")

    def stop(self) -> None:
        self._timer.cancel()

    async def acknowledged(self) -> None:
        """Returns when the client's system has acknowledged all that was sent. Raises ConnectionResetError if the
        client has gone: the end of a response can be written although nobody reads it."""
        while not self._has_gone() and self._unacknowledged():  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(ACKNOWLEDGED_SECONDS)
        if self._has_gone():
            raise ConnectionResetError("the client has gone")

    def _unacknowledged(self) -> int:
        """Returns the number of bytes that the client's system has not acknowledged."""
        (count,) = struct.unpack("i", fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, bytes(4)))
        return int(count)

    def _has_gone(self) -> bool:
        """Returns whether the client's system has reset the connection, which is then aborted. The event loop reads no
        more from this socket, so it does not notice."""
        if not self._transport.is_closing() and self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._transport.abort()
        return self._transport.is_closing()

    def _look(self) -> None:
        if self._has_gone():
            return
        if not self._probed and self._loop.time() >= self._probe_time and self._may_probe():
            self._probed = True
            self._transport.write(INTERIM_RESPONSE)
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
