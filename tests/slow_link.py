"""A link between a browser and a server: as slow as a test wants, under a path prefix, and cut when it wants."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

PREFIX = "/speech"
"""Requests below it reach the server without it, as behind a proxy that serves several programs."""
PIECE = 2048
BUFFER = 16 * 1024
"""The bytes that wait in each of the link's sockets."""


class SlowLink:
    """Forwards connections to a server, in a thread of its own. ``rate`` is in bytes per second from the server to the
    browser, None for no limit."""

    def __init__(self, url: str) -> None:
        self.rate: float | None = None
        self._target = url.partition("://")[2].split(":")
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)  # a browser's test has a loop of its own
        self._thread.start()
        listening = asyncio.start_server(self._connected, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        """Breaks all connections."""
        self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        self._abort()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = self._target
        server_reader, server_writer = await asyncio.open_connection(host, int(port), limit=BUFFER)
        writer.transport.set_write_buffer_limits(high=PIECE)
        self._writers += [writer, server_writer]
        for coroutine in (self._requests(reader, server_writer), self._answers(server_reader, writer)):
            task = asyncio.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(BUFFER):
                writer.write(data.replace(f" {PREFIX}/".encode(), b" /"))
                await writer.drain()
        writer.close()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(PIECE):
                if self.rate is not None:
                    await asyncio.sleep(len(data) / self.rate)
                writer.write(data)
                await writer.drain()
        writer.close()
