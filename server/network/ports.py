"""A port of the server: its address, its application and its connections."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from aiohttp import web

from server.logs import LOGGER
from server.network.certificate import ServerCertificate
from server.network.connections import Connections
from server.network.parsing import LEAST_URL_BYTES
from server.network.protocol import HttpConnection, PortState
from server.network.rejections import Rejections, uncounted
from server.network.tls import TlsConnection

SEND_BUFFER_BYTES = 128 * 1024
"""The kernel's send buffer for a connection; the kernel doubles it for its own use. Without a limit it would grow to
4 MB, and a thousand stalled clients would hold 4 GB. A client at 50 ms latency can still receive 2.5 MB/s."""


QUIET_SECONDS = 0.5
"""How long a port is without requests before its idle connections are closed. A load balancer that sent one at that
moment would not know whether it was answered."""
LOOK_SECONDS = 0.02


class Port:
    """Serves one application on one address. Create it inside a running event loop."""

    def __init__(
        self,
        application: web.Application,
        host: str,
        port: int,
        connections: Connections,
        receive_seconds: float,
        *,
        url_bytes: int = LEAST_URL_BYTES,
        rejections: Rejections | None = None,
        certificate: ServerCertificate | None = None,
    ) -> None:
        """``port`` 0 selects a free port; ``receive_seconds`` is the timeout for a TLS handshake and for a request's
        headers; ``url_bytes`` is the limit of a URL. ``rejections`` counts the requests that the application does not
        see. With a ``certificate`` the port takes only TLS."""
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1.0)
        self._address = host, port
        self._certificate = certificate
        self._state = PortState(connections, rejections or uncounted(), receive_seconds, url_bytes)
        # Every speech request has an event already; the access log would add only addresses, which are private.
        self._silent = logging.getLogger(f"{LOGGER}.access")
        self._silent.disabled = True
        self._listener: asyncio.Server | None = None
        self._connect: Callable[[], asyncio.BaseProtocol] = asyncio.Protocol
        """Makes the protocol of a new connection."""
        self._accepting: set[asyncio.Task[object]] = set()

    @property
    def url(self) -> str | None:
        """The URL of the port; None before ``listen``."""
        if self._listener is None:
            return None
        host, port = self._listener.sockets[0].getsockname()[:2]
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def listen(self) -> None:
        """Starts listening. Raises OSError if the port can't be opened."""
        await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner has no server after its setup")
        loop = asyncio.get_running_loop()
        connection = partial(HttpConnection, server, self._state, loop=loop, access_log=self._silent)
        certificate, state = self._certificate, self._state
        self._connect = connection
        if certificate is not None:
            self._connect = lambda: TlsConnection(connection, certificate.context, state)
        self._listener = await loop.create_server(self._connect, *self._address)
        for listening in self._listener.sockets:  # accepted sockets inherit the limit
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    async def leave(self, delay_seconds: float, drain_seconds: float) -> None:
        """Answers what load balancers send until they have noticed that the server leaves, then refuses connections and
        waits for ``drain_seconds`` at most until no request comes."""
        await asyncio.sleep(delay_seconds)
        self.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(drain_seconds):
                await self.drained()

    def close(self) -> None:
        """Stops accepting connections, after those that wait to be accepted: the kernel would reset them, and their
        clients believe that they are connected."""
        if self._listener is None:
            return
        loop = asyncio.get_running_loop()
        for listening in self._listener.sockets:
            with listening.dup() as waiting, suppress(OSError):
                while True:
                    connection, _ = waiting.accept()
                    connection.setblocking(False)
                    task: asyncio.Task[object] = loop.create_task(
                        loop.connect_accepted_socket(self._connect, connection)
                    )
                    self._accepting.add(task)
                    task.add_done_callback(self._accepting.discard)
        self._listener.close()

    async def drained(self) -> None:
        """Waits until no connection has had a request for QUIET_SECONDS."""
        quiet = 0.0
        while self._accepting or self._state.connections.busy or quiet < QUIET_SECONDS:
            quiet = 0.0 if self._accepting or self._state.connections.busy else quiet + LOOK_SECONDS
            await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Closes the open connections."""
        await self._runner.cleanup()
        self._state.connections.end_all()  # those that the runner does not know: unfinished TLS handshakes
