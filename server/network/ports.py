"""A port of the server: where it listens, what answers there, and its connections."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.network.connections import Connections
from server.network.protocol import ConnectionFactory, bound_memory


class Port:
    """Listens for one application. Made inside a running event loop."""

    def __init__(
        self, application: web.Application, host: str, port: int, connections: Connections, receive_seconds: float
    ) -> None:
        """``port`` 0 takes a free one; a client has ``receive_seconds`` for its headers."""
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1.0)
        self._address = host, port
        self._connections = connections
        self._receive_seconds = receive_seconds
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str | None:
        """Where it listens; None before it does."""
        if self._listener is None:
            return None
        host, port = self._listener.sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def listen(self) -> None:
        """Raises OSError if the port can't be had."""
        await self._runner.setup()
        if self._runner.server is None:
            raise RuntimeError("the runner has no server after its setup")
        loop = asyncio.get_running_loop()
        places = ConnectionFactory(self._runner.server, self._connections, self._receive_seconds, loop)
        self._listener = await loop.create_server(places, *self._address)
        bound_memory(self._listener)

    def close(self) -> None:
        """Takes no more connections."""
        if self._listener is not None:
            self._listener.close()

    async def stop(self) -> None:
        """Ends the connections that are open."""
        await self._runner.cleanup()
