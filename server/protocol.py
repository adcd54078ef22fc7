"""The HTTP connection: what is not even a request gets the same JSON errors as everything else."""

from __future__ import annotations

import logging
import socket
from asyncio import AbstractEventLoop, BaseTransport, Server, WriteTransport
from collections.abc import Callable
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from server.errors import BadRequest, HeadersTooLarge, InternalError, SpeechError
from server.logs import LOGGER
from server.middleware.envelope import error_response

KEEPALIVE_SECONDS = 75.0
SEND_BUFFER_BYTES = 128 * 1024
"""Of a connection in the kernel, which takes twice as much for its own sake. By itself it would grow to 4 MB, so that
a thousand readers that stall would hold 4 GB. A reader 50 ms away can still take 2.5 MB a second."""


class Connection(web.RequestHandler):
    """aiohttp's connection, with our form of error; it logs neither addresses nor what was sent."""

    def connection_made(self, transport: BaseTransport) -> None:
        """Has every write wait until the kernel has taken all of it: nothing is kept that nobody counts."""
        cast("WriteTransport", transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers and closes the connection. Raises ConnectionError if an answer has begun already."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun")
        error: SpeechError = InternalError("the server made a mistake")
        if isinstance(exc, LineTooLong):
            error = HeadersTooLarge("the request line, or a header, is longer than 8190 bytes")
        elif status < 500:
            error = BadRequest("this is not an HTTP/1.1 request")
        response = error_response(error)
        response.force_close()
        return response


def connections(server: web.Server, loop: AbstractEventLoop) -> Callable[[], Connection]:
    """Makes a connection's protocol for ``loop.create_server``."""
    # Every call for audio has its event; the access log would add addresses, which are nobody's business.
    silent = logging.getLogger(f"{LOGGER}.access")
    silent.disabled = True
    return lambda: Connection(
        server,
        loop=loop,
        access_log=silent,
        keepalive_timeout=KEEPALIVE_SECONDS,
        auto_decompress=False,  # a compressed body is refused; the rest of it must not be unpacked to be dropped
    )


def bound_memory(listener: Server) -> None:
    """Bounds what the kernel keeps for each connection that ``listener`` will accept."""
    for listening in listener.sockets:  # an accepted socket inherits it
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
