"""A port of the server: its address, its application and its connections."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.network.connections import Connections
from server.network.protocol import ConnectionFactory, bound_memory


class Port:
    """Serves one application on one address. Create it inside a running event loop."""

    def __init__(
        self, application: web.Application, host: str, port: int, connections: Connections, receive_seconds: float
    ) -> None:
        """``port`` 0 selects a free port; ``receive_seconds`` is the timeout for a request's headers."""
        self._runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=1.0)
        self._address = host, port
        self._connections = connections
        self._receive_seconds = receive_seconds
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str | None:
        """The URL of the port; None before ``listen``."""
        if self._listener is None:
            return None
        host, port = self._listener.sockets[0].getsockname()[:2]
        return f"http://{f'[{host}]' if ':' in host else host}:{port}"

    async def listen(self) -> None:
        """Starts listening. Raises OSError if the port can't be opened."""
        await self._runner.setup()
        if self._runner.server is None:
            raise RuntimeError("the runner has no server after its setup")
        loop = asyncio.get_running_loop()
        factory = ConnectionFactory(self._runner.server, self._connections, self._receive_seconds, loop)
        self._listener = await loop.create_server(factory, *self._address)
        bound_memory(self._listener)

    def close(self) -> None:
        """Stops accepting connections."""
        if self._listener is not None:
            self._listener.close()

    async def stop(self) -> None:
        """Closes the open connections."""
        await self._runner.cleanup()
