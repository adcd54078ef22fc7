"""The HTTP connection: its place in the port, its timeout for a request, and JSON errors for invalid HTTP."""

from __future__ import annotations

import asyncio
import logging
from asyncio import AbstractEventLoop
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.web_protocol import _ErrInfo

from otel.contract.values import EarlyEnd
from server.errors import BadRequest, InternalError, RequestTimeout, ShuttingDown, SpeechError, TooManyConnections
from server.middleware.envelope import ACKNOWLEDGED, REQUEST_ID, add_headers, error_response, translate
from server.network.connections import Connections, Peer
from server.network.disconnects import DisconnectMonitor
from server.network.last_responses import Lingering, last_response
from server.network.parsing import (
    HEADER_BYTES,
    MOST_HEADER_BYTES,
    headers_too_large,
    holds_part,
    malformation,
    parse_error,
)
from server.network.rejections import Rejections
from server.network.request_head import RequestHead, pieces

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
KEEPALIVE_SECONDS = 75.0
"""The keep-alive timeout: how long a connection may be idle between two requests."""
RETRY_SECONDS = 5
"""The Retry-After of a refused connection."""
UNWANTED = frozenset({401, 403, 421, 429})
"""The statuses of requests whose body is not read."""
SMALL_BODY = 64 * 1024
"""The largest body in bytes that is read and discarded to keep the connection, after such a response."""


@dataclass(frozen=True, slots=True)
class PortState:
    """What the connections of one port share."""

    connections: Connections
    rejections: Rejections
    receive_seconds: float
    """The timeout for a request's headers."""
    url_bytes: int
    """The limit of a URL."""
    lingering: Lingering = field(default_factory=Lingering)


class HttpConnection(web.RequestHandler):
    """aiohttp's connection with the server's error format. It logs neither addresses nor request data.

    Each request is counted once: by the application if it gets there, else here.
    """

    def __init__(
        self,
        server: web.Server,
        port: PortState,
        handshake: Peer | None = None,
        *,
        loop: AbstractEventLoop,
        access_log: logging.Logger,
    ) -> None:
        """``handshake`` is the TLS connection whose place in the port this one takes."""
        super().__init__(
            server,
            loop=loop,
            access_log=access_log,
            keepalive_timeout=KEEPALIVE_SECONDS,
            max_line_size=port.url_bytes,
            max_field_size=HEADER_BYTES,
            auto_decompress=False,  # compressed bodies are rejected; the rest must not be decompressed to be discarded
        )
        self._port = port
        self._handshake = handshake
        self._late: asyncio.TimerHandle | None = None
        """The timer for a request's headers, from the connection's start or a later request's first byte."""
        self._head = RequestHead()
        """The head that is being received."""
        self._body: StreamReader | None = None
        """The body of the newest request, complete or not."""
        self._answered = 0
        """How many of the requests so far were answered."""
        self._last = False
        """Whether no further request can follow: the client has sent everything, or invalid HTTP."""
        self._invalid = False
        """Whether the parser has failed, so that nothing more is read."""
        self._counted = False
        """Whether the request that ends this connection was counted."""
        self._unwanted = False
        """Whether the newest response refused a large body that has not arrived."""
        self._monitor: DisconnectMonitor | None = None

    @property
    def receiving(self) -> bool:
        return self._current_request is not None and not self._current_request.content.is_eof()

    @property
    def _unanswered(self) -> int:
        """The number of requests that have arrived, at least their heads, and were not answered."""
        return self._request_count - self._answered

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast("asyncio.Transport", transport)
        if self._handshake is not None:
            self._port.connections.close(self._handshake)
        if not self._port.connections.open(self):
            error = TooManyConnections("all connections of this server are in use", retry_after=RETRY_SECONDS)
            self._reject(transport, error)
            return
        # Every write waits until the kernel has taken all of its bytes, so no uncounted bytes are buffered here. TLS
        # transports pause at the limit, others beyond it.
        transport.set_write_buffer_limits(high=0 if self._handshake is None else 1)
        super().connection_made(transport)
        self._limit_time()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._stop_timer()
        if self._monitor is not None:
            self._monitor.stop()
        self._port.connections.close(self)
        self._port.lingering.closed(self)
        self._count_lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._upgraded:  # the bytes of a WebSocket are no request
            super().data_received(data)
        elif not self._invalid:
            for piece in pieces(data):
                self._receive(piece)

    def eof_received(self) -> bool:  # type: ignore[override] # aiohttp always closes the connection
        """Keeps the connection open until its complete requests are answered: a client may only end sending."""
        transport = self.transport
        if self._force_close or self._upgraded or transport is None:
            return False
        self._last = True
        self._cut_body()
        if not self._unanswered:
            self._reject_part(BadRequest("the request ended before its headers did"))
            return False
        if not transport.can_write_eof():  # TLS: the client has left
            return False
        self._monitor = DisconnectMonitor(transport, self._may_probe)
        return True

    def close(self) -> None:
        """Ends the connection after the requests that have arrived. aiohttp calls it when the server stops."""
        if self._waits_for_request():
            self._reject_part(ShuttingDown("the server is stopping"))
        super().close()

    def give_way(self) -> None:
        if self._waits_for_request():
            self._reject_part(RequestTimeout("all connections are in use, and the headers had not arrived"))
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
        if status < 500:
            error = parse_error(self._parser, exc, self._port.url_bytes)
            request[REQUEST_ID] = self._port.rejections.reject(*self._head.line, error)
            self._counted = True
        response = error_response(error)
        add_headers(request, response)
        response.force_close()
        return response

    async def _handle_request(
        self,
        request: web.BaseRequest,
        start_time: float | None,
        request_handler: Handler,
    ) -> tuple[web.StreamResponse, bool]:
        self._stop_timer()
        self._port.connections.begin(self)
        try:
            return await super()._handle_request(request, start_time, partial(self._answer, request_handler))
        finally:
            self._answered += 1
            self._port.connections.end(self)
            if self._unwanted:
                self._counted = True
                self._end()
            elif self._last and not self._messages:
                self._end()

    async def _answer(self, handler: Handler, request: web.BaseRequest) -> web.StreamResponse:
        """Returns the handler's response, or the server's own error for one that aiohttp raises before any middleware:
        aiohttp's errors have another format and repeat the client's input."""
        request[ACKNOWLEDGED] = self._acknowledged
        try:
            error = malformation(request)
            if error is None:
                return self._refuse_body(request, await handler(request))
        except web.HTTPException as raised:
            error = translate(raised, request)
        request[REQUEST_ID] = self._port.rejections.reject(request.method, request.path, error)
        response = error_response(error)
        add_headers(request, response)
        return response

    def _refuse_body(self, request: web.BaseRequest, response: web.StreamResponse) -> web.StreamResponse:
        """Makes a response the connection's last one if it rejects a large body that has not arrived."""
        if response.status in UNWANTED and not response.prepared and not request.content.is_eof():
            length = request.content_length
            if length is None or length > SMALL_BODY:
                response.force_close()
                self._unwanted = True
        return response

    def _receive(self, data: bytes) -> None:
        """Parses a piece of what the client sends."""
        if self._body is None or self._body.is_eof():
            self._head.add(data)
        queued = len(self._messages)
        super().data_received(data)
        if len(self._messages) > queued:
            self._take_newest()
        elif self._waits_for_request():
            if self._late is None:
                self._limit_time()
            if self._head.header_bytes > MOST_HEADER_BYTES:
                self._reject_part(headers_too_large())

    def _take_newest(self) -> None:
        message, body = self._messages[-1]
        if not isinstance(message, _ErrInfo):
            self._body = body
            self._head.clear()
            return
        self._invalid = self._last = True
        if self._body is not None and not self._body.is_eof():  # the body is invalid, of a request that is counted
            self._messages.pop()
            self._request_count -= 1
            self._counted = True
            self._cut_body()
            if not self._unanswered:
                self._end()

    def _cut_body(self) -> None:
        """Ends the newest body if it is incomplete; with an error if its request has not been answered."""
        body = self._body
        if body is None or body.is_eof():
            return
        if self._unanswered:
            body.set_exception(web.RequestPayloadError("the body is incomplete"))
        body.feed_eof()

    def _end(self) -> None:
        """Ends the connection after its last response."""
        if self._counted and self.transport is not None:  # the rest of an invalid request may still arrive
            self._force_close = True
            self._port.lingering.end(self, self.transport)
        else:
            self._reject_part(BadRequest("the request ended before its headers did"))
            self.close()

    def _reject_part(self, error: SpeechError) -> None:
        """Rejects the request whose head has arrived in part, if there is one."""
        if self.transport is not None and not self._counted and holds_part(self._parser):
            self._reject(self.transport, error)

    def _reject(self, transport: asyncio.Transport, error: SpeechError) -> None:
        """Counts and answers a request that the application does not see, and ends the connection."""
        self._counted = True
        self._force_close = True  # what still arrives is read and discarded
        if self._waiter is not None:
            self._waiter.cancel()
        request_id = self._port.rejections.reject(*self._head.line, error)
        self._port.lingering.end(self, transport, last_response(error, request_id))

    def _count_lost(self) -> None:
        """Counts the requests that can't be answered any more and that the application has not seen."""
        rejections = self._port.rejections
        for message, _ in self._messages:
            if not isinstance(message, _ErrInfo) and rejections.speaks(message.url.path):
                rejections.leave(message.method, message.url.path)
        body_complete = self._body is None or self._body.is_eof()
        if not self._counted and body_complete and holds_part(self._parser):
            rejections.leave(*self._head.line)

    async def _acknowledged(self) -> None:
        """Raises ConnectionResetError if the client left before the end of the response; see DisconnectMonitor."""
        if self._monitor is not None:
            await self._monitor.acknowledged()

    def _may_probe(self) -> bool:
        """Returns whether an interim response may be sent: before a response, and by HTTP/1.1."""
        request = self._current_request
        return request is not None and request.version >= HttpVersion11 and request.writer.output_size == 0

    def _waits_for_request(self) -> bool:
        return self._waiter is not None and not self._waiter.done()

    def _limit_time(self) -> None:
        self._late = self._loop.call_later(self._port.receive_seconds, self._too_late)

    def _stop_timer(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if self.transport is None or not self._waits_for_request():
            return
        self._port.connections.ended_early[EarlyEnd.TIMEOUT] += 1
        seconds = self._port.receive_seconds
        self._reject_part(RequestTimeout(f"the headers did not arrive within {seconds:g} seconds"))
        if not self._counted:
            self.force_close()
