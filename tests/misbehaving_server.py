"""A server that speaks like OpenAI's, or misbehaves in any way a test asks for."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

SECRET = "Xyloremote"
"""In whatever the server says of itself: no word of it may get out on the other side."""

Behaviour = Callable[["Caller"], Awaitable[web.StreamResponse | None]]
"""What the server does with a request whose body it has read; where it gives no answer back it hangs up."""


@dataclass(slots=True)
class Caller:
    """A request as the server sees it, and its connection."""

    request: web.Request
    body: Any
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller has hung up."""
    more: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the test to let the server go on."""

    @property
    def headers(self) -> Any:
        return self.request.headers

    def write(self, data: bytes) -> None:
        """Bytes as they are, of an answer or of none."""
        if self.request.transport is not None:
            self.request.transport.write(data)

    def hang_up(self) -> None:
        """An orderly end of the connection, after what was written."""
        if self.request.transport is not None:
            self.request.transport.close()

    def reset(self) -> None:
        """No orderly end: the other side gets a reset."""
        if self.request.transport is not None:
            connection = self.request.transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.transport.abort()

    async def start(self, content_type: str = "audio/wav", **headers: str) -> web.StreamResponse:
        """Sends the header of an answer in chunks."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = web.StreamResponse(headers={"Content-Type": content_type, **named})
        await response.prepare(self.request)
        return response


class MisbehavingServer:
    """Behaves as the test says: ``behaviours`` in turn, the last of them for good."""

    def __init__(self) -> None:
        self.behaviours: list[Behaviour] = []
        self.callers: list[Caller] = []
        """Those that asked for speech, in order."""
        self.checks: list[Any] = []
        """The headers of those that asked for the list of models."""
        self.models = web.Response
        """Makes the answer to them."""
        self.elsewhere = 0
        """Requests to paths that nobody has to know."""
        self.port = 0
        self._whole: set[object] = set()
        """Connections that have had a whole answer, and may be used again."""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def connections(self) -> int:
        """That are open now."""
        assert self._runner is not None
        assert self._runner.server is not None
        return len(self._runner.server.connections)

    @property
    def busy(self) -> int:
        """Of the connections, those whose last answer, if any, did not come to its end."""
        assert self._runner is not None
        assert self._runner.server is not None
        return sum(connection not in self._whole for connection in self._runner.server.connections)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/v1/audio/speech", self._speech)
        app.router.add_get("/v1/models", self._models)
        app.router.add_route("*", "/{rest:.*}", self._elsewhere)
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _speech(self, request: web.Request) -> web.StreamResponse:
        caller = Caller(request, await request.json())
        self.callers.append(caller)
        self._whole.discard(request.protocol)
        behaviour = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
        try:
            response = await behaviour(caller)
        except (asyncio.CancelledError, ConnectionError):
            caller.gone.set()
            raise
        if response is None:
            caller.hang_up()
            return web.Response()
        self._whole.add(request.protocol)
        return response

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self.checks.append(request.headers.copy())
        return self.models()

    async def _elsewhere(self, request: web.Request) -> web.StreamResponse:
        self.elsewhere += 1
        return web.Response()


@asynccontextmanager
async def serving(*behaviours: Behaviour) -> AsyncIterator[MisbehavingServer]:
    server = MisbehavingServer()
    server.behaviours = list(behaviours)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def answers(status: int, body: bytes = b"", content_type: str = "audio/wav", **headers: str) -> Behaviour:
    """An answer in one piece, with its length."""

    async def behave(caller: Caller) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        response = web.Response(status=status, body=body, headers={"Content-Type": content_type, **named})
        await response.prepare(caller.request)
        await response.write_eof()
        return response

    return behave


def streams(*pieces: bytes, content_type: str = "audio/wav", **headers: str) -> Behaviour:
    """An answer in chunks, one for each piece, with a pause so that each arrives alone."""

    async def behave(caller: Caller) -> web.StreamResponse:
        response = await caller.start(content_type, **headers)
        for piece in pieces:
            await response.write(piece)
            await asyncio.sleep(0.001)
        await response.write_eof()
        return response

    return behave


def says(*raw: bytes) -> Behaviour:
    """Exactly these bytes, with a pause so that each piece arrives alone, and hangs up."""

    async def behave(caller: Caller) -> None:
        for piece in raw:
            caller.write(piece)
            await asyncio.sleep(0.001 if len(raw) > 1 else 0)

    return behave


async def resets(caller: Caller) -> None:
    caller.reset()


def hangs(*pieces: bytes) -> Behaviour:
    """Sends what it has, and then nothing for ever; nothing at all without pieces."""

    async def behave(caller: Caller) -> None:
        if pieces:
            response = await caller.start()
            for piece in pieces:
                await response.write(piece)
        await asyncio.Event().wait()

    return behave


def drips(header: bytes) -> Behaviour:
    """A byte now and then, for ever: never silent for long, never any use."""

    async def behave(caller: Caller) -> None:
        response = await caller.start()
        await response.write(header)
        while True:
            await response.write(b"\0")
            await asyncio.sleep(0.01)

    return behave


def drips_header(raw: bytes) -> Behaviour:
    """The first bytes of an answer, and then a header that does not end."""

    async def behave(caller: Caller) -> None:
        caller.write(raw)
        while True:
            caller.write(b"x")
            await asyncio.sleep(0.01)

    return behave


def endless(header: bytes, piece: bytes) -> Behaviour:
    """Audio without end, as fast as it is taken."""

    async def behave(caller: Caller) -> None:
        response = await caller.start()
        await response.write(header)
        while True:
            await response.write(piece)

    return behave


def step_by_step(*pieces: bytes) -> Behaviour:
    """The first piece at once, each other when the test says more."""

    async def behave(caller: Caller) -> web.StreamResponse:
        response = await caller.start()
        for number, piece in enumerate(pieces):
            if number:
                await caller.more.wait()
                caller.more.clear()
            await response.write(piece)
        await response.write_eof()
        return response

    return behave
