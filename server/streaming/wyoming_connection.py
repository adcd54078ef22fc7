"""One connection of a client of Wyoming's protocol, from its first event to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from wyoming.event import Event, async_write_event

from otel.contract.values import SocketEnd
from server.errors import SpeechError
from server.logs import LOGGER
from server.settings import Settings
from server.streaming.context import Event as ContextEvent
from server.streaming.context import StreamingContext
from server.streaming.sessions import Sessions, socket_end
from server.streaming.streaming_session import StreamingSession
from server.streaming.utterance_synthesizer import SocketClient, UtteranceSynthesizer
from server.streaming.wyoming_conversation import WyomingConversation
from server.streaming.wyoming_events import READ_BYTES, EventReader
from server.synthesis.synthesizer import Synthesizer

LOOK_SECONDS = 0.5
"""How often an idle connection looks whether it should end."""
CLOSE_SECONDS = 1.0
"""How long what a refused client still sends is read, since closing at once would lose the error on its way."""

log = logging.getLogger(f"{LOGGER}.streaming")


class WyomingConnection:
    """An open connection. It ends with its client's side of it, after an error, or when it is idle."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: SocketClient,
        *,
        settings: Settings,
        synthesizer: Synthesizer,
        speaker: UtteranceSynthesizer,
        sessions: Sessions,
    ) -> None:
        """``reader`` has the limit ``wyoming_events.LINE_BYTES``."""
        self._reader = reader
        self._writer = writer
        self._client = client
        self._settings = settings
        self._speaker = speaker
        self._sessions = sessions
        self._events = EventReader(reader, settings.max_body_bytes, settings.receive_seconds)
        self._session = StreamingSession(client, speaker, self._send, most_characters=settings.max_text_characters)
        self._end = SocketEnd.DONE
        self._conversation = WyomingConversation(
            self._session,
            speaker,
            self._write,
            voices=lambda: synthesizer.voices(client.caller),
            default_voice=settings.default_voice,
            delay_seconds=settings.buffer_delay_seconds,
        )
        writer.transport.set_write_buffer_limits(high=0)  # each event waits until the kernel has taken all of its bytes

    async def run(self) -> None:
        """Returns when the connection has ended, and counts why."""
        try:
            await self._converse()
        except asyncio.CancelledError:
            self._end = SocketEnd.LEAVING
            raise
        finally:
            self._sessions.ended(self._client.endpoint, self._end)

    async def _converse(self) -> None:
        waits: tuple[Coroutine[Any, Any, Any], ...] = (self._read(), self._conversation.failed.wait())
        lost = await self._session.ended([asyncio.create_task(each) for each in waits])
        if lost is None:
            with suppress(ConnectionError, TimeoutError):
                await self._close()
            return
        self._end = socket_end(lost)
        if self._end is SocketEnd.FAILED:
            log.error("a connection of Wyoming failed by a mistake of the server", exc_info=lost)

    async def refuse(self, error: SpeechError) -> None:
        """Ends the connection with an error, which is recorded as that of a request."""
        self._speaker.refuse(self._client, error)
        with suppress(ConnectionError, TimeoutError):
            await self._conversation.refuse(error)
            self._writer.write_eof()
        await self._session.close()

    async def _read(self) -> None:
        """Handles events until the client ends its side, one of them is refused, or nothing happens for long. Raises
        ConnectionError and TimeoutError."""
        try:
            while (line := await self._line()) and not self._conversation.over:
                await self._conversation.take(await self._events.event(line))
                await asyncio.sleep(0)  # events that wait must not keep others waiting
        except SpeechError as error:
            if self._conversation.over:
                return
            self._speaker.refuse(self._client, error)
            await asyncio.gather(*(context.cancel() for context in self._session.contexts))
            await self._conversation.refuse(error)
        else:
            await self._session.finish()

    async def _line(self) -> bytes:
        """Returns the line that begins the next event; nothing if there is none."""
        loop = asyncio.get_running_loop()
        active = loop.time()
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    return await self._events.line()
            except TimeoutError:
                if self._session.busy:
                    active = loop.time()
                elif self._sessions.leaving:
                    self._end = SocketEnd.LEAVING
                    return b""
                elif loop.time() - active > self._settings.socket_idle_seconds:
                    self._end = SocketEnd.IDLE
                    return b""

    async def _send(self, context: StreamingContext, event: ContextEvent) -> None:
        await self._conversation.send(context, event)

    async def _write(self, event: Event) -> None:
        async with asyncio.timeout(self._settings.send_seconds):
            await async_write_event(event, self._writer)

    async def _close(self) -> None:
        """Ends the server's side, and waits a little for the client's. Raises ConnectionError and TimeoutError."""
        self._writer.write_eof()
        async with asyncio.timeout(CLOSE_SECONDS):
            while await self._reader.read(READ_BYTES):
                pass
