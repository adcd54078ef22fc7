"""TLS before HTTP: the handshake of a connection, with its place in the port, its time limit and its counters."""

from __future__ import annotations

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable
from typing import cast

from otel.contract.values import EarlyEnd
from server.errors import BadRequest, TooManyConnections
from server.network.connections import Peer
from server.network.last_responses import last_response
from server.network.protocol import HttpConnection, PortState
from server.network.request_head import RequestHead

HANDSHAKE = 0x16
"""The first byte of a TLS connection: the type of a record of the handshake."""
CLOSE_SECONDS = 5.0
"""How long a closed connection waits for the client's close_notify."""


class TlsConnection(SSLProtocol):
    """A connection that speaks TLS: it has a place in the port from its first moment, also while its handshake lasts.

    asyncio's own TLS server would show the port a connection only after its handshake, so that any number of them could
    wait for one. The unfinished handshake counts as an idle connection: it gives way to new ones.
    """

    max_size = 32 * 1024
    """The buffer of a connection in bytes. asyncio's 256 KB would be 1 GB for 4,096 connections."""

    def __init__(self, connection: Callable[[Peer], HttpConnection], context: ssl.SSLContext, port: PortState) -> None:
        """``connection`` creates the HTTP connection that takes the place of this one after the handshake."""
        super().__init__(
            asyncio.get_running_loop(),
            connection(self),
            context,
            None,  # type: ignore[arg-type] # nobody waits for the handshake
            server_side=True,
            ssl_handshake_timeout=port.receive_seconds,  # type: ignore[arg-type] # may be a float
            ssl_shutdown_timeout=CLOSE_SECONDS,
        )
        self._port = port
        self._below: asyncio.Transport | None = None
        """The transport that carries the encrypted bytes."""
        self._began = False
        """Whether a first byte has arrived."""
        self._rejected = False
        """Whether the client does not speak TLS, so that what it sends is discarded."""

    @property
    def receiving(self) -> bool:
        return True

    def give_way(self) -> None:
        if self._below is not None:
            self._below.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast("asyncio.Transport", transport)
        if not self._port.connections.open(self):  # there can't be an answer before the handshake
            self._rejected = True
            self._port.rejections.reject("", "", TooManyConnections("all connections of this server are in use"))
            self._below.abort()
            return
        self._below.set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def buffer_updated(self, nbytes: int) -> None:
        if not self._began:
            self._began = True
            data = bytes(self.get_buffer(nbytes)[:nbytes])
            if data[0] != HANDSHAKE:
                self._reject(data)
        if not self._rejected:
            super().buffer_updated(nbytes)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Counts a failed handshake. The HTTP connection is told that the connection was lost, whatever broke it."""
        handshake = self._port.connections.close(self)
        self._port.lingering.closed(self)
        if handshake and isinstance(exc, ssl.SSLError):
            self._port.connections.ended_early[EarlyEnd.HANDSHAKE] += 1
        elif handshake and isinstance(exc, ConnectionAbortedError):  # raised by SSLProtocol's timer
            self._port.connections.ended_early[EarlyEnd.TIMEOUT] += 1
        super().connection_lost(None if exc is None else ConnectionResetError("the connection was lost"))
        self._below = None

    def _reject(self, data: bytes) -> None:
        """Answers a client that does not speak TLS, in the clear."""
        self._rejected = True
        head = RequestHead()
        head.add(data)
        error = BadRequest("this port takes only TLS: the address must begin with https://")
        request_id = self._port.rejections.reject(*head.line, error)
        if self._below is not None:
            self._port.lingering.end(self, self._below, last_response(error, request_id))

    def _get_write_buffer_size(self) -> int:
        """Returns how many bytes wait to be sent, those of the transport below included, which asyncio leaves out: only
        then does a write wait until the kernel has taken it."""
        below = 0 if self._below is None else self._below.get_write_buffer_size()
        return int(super()._get_write_buffer_size()) + below  # type: ignore[misc] # private
