"""The HTTP connection: its place in the port, its timeout for a request, and JSON errors for invalid HTTP."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import uuid
from asyncio import AbstractEventLoop, Server
from collections.abc import Awaitable, Callable
from functools import partial
from http import HTTPStatus
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from otel.contract.values import EarlyEnd
from server.errors import (
    BadRequest,
    HeadersTooLarge,
    InternalError,
    RequestTimeout,
    SpeechError,
    TooManyConnections,
)
from server.logs import LOGGER
from server.middleware.envelope import CONSTANT_HEADERS, add_headers, describe, error_response, translate
from server.network.connections import Connections

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
KEEPALIVE_SECONDS = 75.0
"""The keep-alive timeout: how long a connection may be idle between two requests."""
SEND_BUFFER_BYTES = 128 * 1024
"""The kernel's send buffer for a connection; the kernel doubles it for its own use. Without a limit it would grow to
4 MB, and a thousand stalled clients would hold 4 GB. A client at 50 ms latency can still receive 2.5 MB/s."""
RETRY_SECONDS = 5
"""The Retry-After of a refused connection."""
LINGER_SECONDS = 1.0
"""How long a refused connection stays open for its client to read the response. Closing it at once, with unread bytes,
would reset it."""
MOST_LINGERING = 64


class HttpConnection(web.RequestHandler):
    """aiohttp's connection with the server's error format. It logs neither addresses nor request data."""

    def __init__(
        self, server: web.Server, factory: ConnectionFactory, *, loop: AbstractEventLoop, access_log: logging.Logger
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=access_log,
            keepalive_timeout=KEEPALIVE_SECONDS,
            auto_decompress=False,  # compressed bodies are rejected; the rest must not be decompressed to be discarded
        )
        self._factory = factory
        self._late: asyncio.TimerHandle | None = None
        """The timer for a request's headers, from the connection's start or a later request's first byte."""
        self._partial_request = False
        """Whether the connection has received part of a request's headers."""

    @property
    def receiving(self) -> bool:
        return self._current_request is not None and not self._current_request.content.is_eof()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._factory.connections.open(self):
            self._force_close = True  # incoming data is read and discarded
            self._factory.refuse(self, cast("asyncio.Transport", transport))
            return
        # Every write waits until the kernel has taken all of its bytes, so no uncounted bytes are buffered here.
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)
        self._limit_time()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        self._factory.connections.close(self)
        self._factory.lingering.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._waits_for_request():
            self._partial_request = True
            if self._late is None:
                self._limit_time()

    async def _handle_request(
        self,
        request: web.BaseRequest,
        start_time: float | None,
        request_handler: Handler,
    ) -> tuple[web.StreamResponse, bool]:
        self._stop_timer()
        self._factory.connections.begin(self)
        try:
            return await super()._handle_request(request, start_time, partial(_handle, request_handler))
        finally:
            self._partial_request = False
            self._factory.connections.end(self)

    def give_way(self) -> None:
        self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Returns an error response and closes the connection. Raises ConnectionError if a response has started."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        error: SpeechError = InternalError("the server failed because of a bug")
        if isinstance(exc, LineTooLong):
            error = HeadersTooLarge("the request line, or a header, is longer than 8190 bytes")
        elif status < 500:
            error = BadRequest("this is not an HTTP/1.1 request")
        response = error_response(error)
        add_headers(request, response)
        response.force_close()
        return response

    def _waits_for_request(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _limit_time(self) -> None:
        self._late = self._loop.call_later(self._factory.receive_seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if self.transport is None or not self._waits_for_request():
            return
        self._factory.connections.ended_early[EarlyEnd.TIMEOUT] += 1
        if self._partial_request:
            seconds = self._factory.receive_seconds
            self.transport.write(
                _raw_response(RequestTimeout(f"the headers did not arrive within {seconds:g} seconds"))
            )
        self.force_close()


async def _handle(handler: Handler, request: web.BaseRequest) -> web.StreamResponse:
    """Returns the handler's response, or the server's own error for one that aiohttp raises before any middleware:
    aiohttp's errors have another format and repeat the client's input."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return error_response(translate(error, request))


class ConnectionFactory:
    """Creates the connections of one port, for ``loop.create_server``, and holds their shared state."""

    def __init__(
        self, server: web.Server, connections: Connections, receive_seconds: float, loop: AbstractEventLoop
    ) -> None:
        """``receive_seconds`` is the timeout for a request's headers."""
        self.connections = connections
        self.receive_seconds = receive_seconds
        self.lingering: dict[HttpConnection, None] = {}
        """Refused connections that are not closed yet."""
        self._server = server
        self._loop = loop
        # Every speech request has an event already; the access log would add only addresses, which are private.
        self._silent = logging.getLogger(f"{LOGGER}.access")
        self._silent.disabled = True

    def __call__(self) -> HttpConnection:
        return HttpConnection(self._server, self, loop=self._loop, access_log=self._silent)

    def refuse(self, connection: HttpConnection, transport: asyncio.Transport) -> None:
        """Responds with 503 before any request and closes the connection; aborts it at once if MOST_LINGERING others
        are still open."""
        if len(self.lingering) >= MOST_LINGERING:
            transport.abort()
            return
        self.lingering[connection] = None
        transport.write(
            _raw_response(TooManyConnections("all connections of this server are in use", retry_after=RETRY_SECONDS))
        )
        transport.write_eof()
        self._loop.call_later(LINGER_SECONDS, transport.abort)


def _raw_response(error: SpeechError) -> bytes:
    """Returns a complete response for a connection without a request, with the headers of every response."""
    body = json.dumps({"error": describe(error)}).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Content-Length": str(len(body)),
        "Connection": "close",
        "X-Request-ID": str(uuid.uuid4()),
        **CONSTANT_HEADERS,
    }
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    lines = [f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


def bound_memory(listener: Server) -> None:
    """Limits the kernel's send buffer of each connection that ``listener`` will accept."""
    for listening in listener.sockets:  # accepted sockets inherit the limit
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
