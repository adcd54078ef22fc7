"""The HTTP connection: its place in the port, the time to send a request, and errors in JSON for invalid HTTP."""

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
"""The time for which a connection may be idle between two requests."""
SEND_BUFFER_BYTES = 128 * 1024
"""The send buffer of a connection in the kernel, which doubles it for its own use. Unlimited it would grow to 4 MB, so
that a thousand stalled readers would hold 4 GB. A reader 50 ms away can still receive 2.5 MB a second."""
RETRY_SECONDS = 5
"""Seconds after which a refused client should try again."""
LINGER_SECONDS = 1.0
"""The time for which a refused connection stays open for its client to read the response. Closing it at once, with
unread bytes, would reset it."""
MOST_LINGERING = 64


class HttpConnection(web.RequestHandler):
    """aiohttp's connection with the server's error format. It logs neither addresses nor what was sent."""

    def __init__(
        self, server: web.Server, factory: ConnectionFactory, *, loop: AbstractEventLoop, access_log: logging.Logger
    ) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=access_log,
            keepalive_timeout=KEEPALIVE_SECONDS,
            auto_decompress=False,  # a compressed body is refused; the rest of it must not be unpacked to be dropped
        )
        self._factory = factory
        self._late: asyncio.TimerHandle | None = None
        """Runs while a request is awaited: from the connection's beginning, or from a later request's first byte."""
        self._partial_request = False
        """Whether some of that request has been received."""

    @property
    def receiving(self) -> bool:
        return self._current_request is not None and not self._current_request.content.is_eof()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not self._factory.connections.open(self):
            self._force_close = True  # what it sends is read and ignored
            self._factory.refuse(self, cast("asyncio.Transport", transport))
            return
        # Every write waits until the kernel has taken all of it: nothing is kept that nobody counts.
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
        """Responds with an error and closes the connection. Raises ConnectionError if a response has begun already."""
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
    """Returns the handler's response. Errors that aiohttp raises before any middleware, in its own format and repeating
    what the client sent, are translated."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        return error_response(translate(error, request))


class ConnectionFactory:
    """Makes the connections of one port, for ``loop.create_server``, and holds what they share."""

    def __init__(
        self, server: web.Server, connections: Connections, receive_seconds: float, loop: AbstractEventLoop
    ) -> None:
        """``receive_seconds`` is the time for a request's headers."""
        self.connections = connections
        self.receive_seconds = receive_seconds
        self.lingering: dict[HttpConnection, None] = {}
        """Connections that were refused and are not closed yet."""
        self._server = server
        self._loop = loop
        # Every call for audio has its event; the access log would add addresses, which are nobody's business.
        self._silent = logging.getLogger(f"{LOGGER}.access")
        self._silent.disabled = True

    def __call__(self) -> HttpConnection:
        return HttpConnection(self._server, self, loop=self._loop, access_log=self._silent)

    def refuse(self, connection: HttpConnection, transport: asyncio.Transport) -> None:
        """Responds with 503 before any request and closes the connection; when many are refused, it is closed at
        once."""
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
    """Returns a whole response, with the headers that every response has, where there is no request."""
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
    """Limits the kernel's send buffer for each connection that ``listener`` will accept."""
    for listening in listener.sockets:  # an accepted socket inherits it
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
