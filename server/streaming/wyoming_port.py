"""The port for Wyoming's protocol, by which Home Assistant and its rooms speak. The protocol has no keys."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

from aiohttp import web
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Tracer

from otel.contract.labels import OTHER
from server.access.caller import ANONYMOUS
from server.access.clients import address_key
from server.access.exposure import is_loopback, wyoming_host
from server.access.keyring import Keyring
from server.errors import MissingApiKey, SpeechError
from server.logs import LOGGER
from server.network.ports import SEND_BUFFER_BYTES
from server.settings import Settings
from server.streaming.sessions import Sessions
from server.streaming.utterance_synthesizer import SocketClient, UtteranceSynthesizer
from server.streaming.wyoming_connection import LOOK_SECONDS, WyomingConnection
from server.streaming.wyoming_discovery import announced
from server.streaming.wyoming_events import LINE_BYTES
from server.synthesis.synthesizer import Synthesizer

ENDPOINT = "wyoming"
"""The label ``endpoint`` of utterances that were asked for by this protocol."""

log = logging.getLogger(f"{LOGGER}.streaming")


class WyomingPort:
    """Listens while the API does, and speaks for whoever connects."""

    def __init__(
        self,
        settings: Settings,
        keyring: Keyring,
        *,
        synthesizer: Synthesizer,
        speaker: UtteranceSynthesizer,
        sessions: Sessions,
        tracer: Tracer,
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._synthesizer = synthesizer
        self._speaker = speaker
        self._sessions = sessions
        self._tracer = tracer
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int | None:
        """The port; None while nothing listens."""
        return None if self._server is None else int(self._server.sockets[0].getsockname()[1])

    async def lifetime(self, _: web.Application) -> AsyncIterator[None]:
        """Listens between the start and the end of an application. Raises OSError if the port can't be opened."""
        await self._listen()
        try:
            async with announced(self._settings, self.port or 0):
                yield
        finally:
            await self._stop()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(
            self._accept, wyoming_host(self._settings), self._settings.wyoming_port, limit=LINE_BYTES
        )
        for listening in self._server.sockets:  # accepted sockets inherit the limit
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)

    async def _stop(self) -> None:
        """Closes the port and its connections; those that have just spoken may say that they have."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        if self._connections:
            await asyncio.wait(self._connections, timeout=2 * LOOK_SECONDS)
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Speaks for one client until its connection ends."""
        peer = writer.get_extra_info("peername")
        span = self._tracer.start_span(ENDPOINT, Context(), SpanKind.SERVER)
        client = SocketClient(ANONYMOUS, address_key(peer[0] if peer else ""), ENDPOINT, span, OTHER)
        connection = WyomingConnection(
            reader,
            writer,
            client,
            settings=self._settings,
            synthesizer=self._synthesizer,
            speaker=self._speaker,
            sessions=self._sessions,
        )
        try:
            self._check_open()
            with self._sessions.entered(client.key, ENDPOINT):
                await connection.run()
        except SpeechError as error:
            await connection.refuse(error)
        finally:
            span.end()
            writer.transport.abort()

    def _check_open(self) -> None:
        """Raises MissingApiKey where the server has keys and others than this machine reach the port."""
        if self._keyring.required and not is_loopback(wyoming_host(self._settings)):
            raise MissingApiKey("this server has API keys now, and Wyoming's protocol can't send one")
