"""The handler of the WebSockets of one format: it opens a session, reads its messages, and ends it in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, hdrs, web
from opentelemetry.trace import get_current_span
from pydantic_core import from_json

from otel.contract.values import SocketEnd
from server.access.caller import Scope, caller_of
from server.access.clients import Clients
from server.errors import InvalidJson, SpeechError, UpgradeRequired
from server.logs import LOGGER
from server.middleware.envelope import REQUEST_ID, TRACE_ID
from server.middleware.matched_route import route_path
from server.routes.route import Route
from server.routes.speech import renamed
from server.settings import Settings
from server.streaming.context import Event, Send, StreamingContext
from server.streaming.conversation import Conversation, Message, Opening, Socket, SocketFormat, encode
from server.streaming.sessions import Sessions, socket_end
from server.streaming.streaming_session import StreamingSession
from server.streaming.utterance_synthesizer import SocketClient, UtteranceSynthesizer

MESSAGE_BYTES = 64 * 1024
"""The longest message that is read; a longer one ends the socket (1009)."""
HEARTBEAT_SECONDS = 20.0
"""The pause between pings. A client that answers none of them has vanished."""
LOOK_SECONDS = 1.0
"""How often an idle socket looks whether it should end."""
CLOSE_SECONDS = 2.0
"""How long the server waits for a client's part of the closing handshake."""
CLOSE_BYTES = 123
"""The most bytes of a close frame's message (RFC 6455, 5.5)."""
CODES = {SocketEnd.LEAVING: WSCloseCode.GOING_AWAY, SocketEnd.REFUSED: WSCloseCode.POLICY_VIOLATION}
"""The codes with which the server closes a socket, where it is not the usual one."""

log = logging.getLogger(f"{LOGGER}.streaming")


class SocketRoute:
    """The handler of one format's sockets."""

    def __init__(
        self,
        form: SocketFormat,
        settings: Settings,
        sessions: Sessions,
        speaker: UtteranceSynthesizer,
        clients: Clients,
    ) -> None:
        self._form = form
        self._settings = settings
        self._sessions = sessions
        self._speaker = speaker
        self._clients = clients

    def routes(self) -> tuple[Route, ...]:
        """Returns the route of the sockets."""
        error_format = self._form.error_format
        return (Route("GET", self._form.path, self, Scope.SPEAK, None, head=False, error_format=error_format),)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get(hdrs.UPGRADE, "").lower() != "websocket":
            raise UpgradeRequired("this path takes only WebSockets")
        options = self._form.read(request)
        client = SocketClient(caller_of(request), self._clients.key(request), route_path(request), get_current_span())
        with self._sessions.entered(client.key, client.endpoint):
            if not self._form.voice_in_messages:
                with renamed(self._form.names):
                    await self._speaker.check(options.speech, client.caller)
            response = web.WebSocketResponse(
                timeout=CLOSE_SECONDS,
                heartbeat=HEARTBEAT_SECONDS,
                protocols=self._form.subprotocols,
                compress=False,  # audio does not get smaller, and a thousand bytes can expand to a million
                max_msg_size=MESSAGE_BYTES,
                writer_limit=0,  # each frame waits until the kernel has taken all of its bytes
            )
            await response.prepare(request)
            opening = Opening(options, request[REQUEST_ID], request.get(TRACE_ID, ""))
            session = partial(
                StreamingSession, client, self._speaker, most_characters=self._settings.max_text_characters
            )
            converse = partial(self._form.converse, opening=opening)
            socket = _OpenSocket(response, session, converse, self._settings, self._sessions)
            try:
                lost = await socket.run()
            except asyncio.CancelledError:
                socket.end = SocketEnd.LEAVING if self._sessions.leaving else SocketEnd.LOST
                raise
            finally:
                self._sessions.ended(client.endpoint, socket.end)
            if lost is not None:
                _abort(request, lost)
        return response


class _OpenSocket:
    """One open socket and its session."""

    def __init__(
        self,
        response: web.WebSocketResponse,
        session: Callable[[Send], StreamingSession],
        converse: Callable[[Socket, StreamingSession], Conversation],
        settings: Settings,
        sessions: Sessions,
    ) -> None:
        self._response = response
        self._settings = settings
        self._sessions = sessions
        self._session = session(self._send_event)
        self._conversation: Conversation = converse(self, self._session)
        self._tasks: list[asyncio.Task[Any]] = []
        """What runs until the socket has ended."""
        self._finishing = False
        """Whether the client has sent its last message."""
        self._over = asyncio.Event()
        """Whether all is said."""
        self.end = SocketEnd.DONE
        """Why it ended."""
        self._message = b""
        """What the close frame says."""
        self._code: int | None = None
        """Its code; None for that of ``end``."""

    async def run(self) -> BaseException | None:
        """Returns when the socket has ended: None if it was closed, else why it was lost."""
        self._tasks += [asyncio.create_task(self._read()), asyncio.create_task(self._over.wait())]
        lost = await self._session.ended(self._tasks)
        if lost is not None:
            self.end = socket_end(lost)
            return lost
        with suppress(ConnectionError, TimeoutError):
            await self._response.close(code=self._code or CODES.get(self.end, WSCloseCode.OK), message=self._message)
        return None

    async def send_json(self, message: Mapping[str, Any]) -> None:
        async with asyncio.timeout(self._settings.send_seconds):
            await self._response.send_str(encode(message))

    async def send_bytes(self, data: bytes) -> None:
        async with asyncio.timeout(self._settings.send_seconds):
            await self._response.send_bytes(data)

    def close(self, end: SocketEnd, message: str = "", code: int | None = None) -> None:
        self.end, self._code = end, code
        self._message = message.encode()[:CLOSE_BYTES].decode(errors="ignore").encode()  # no half of a character
        self._over.set()

    async def _send_event(self, context: StreamingContext, event: Event) -> None:
        await self._conversation.send(context, event)

    async def _read(self) -> None:
        """Handles messages until the last one. Raises ConnectionError and TimeoutError."""
        await self._conversation.begin()
        loop = asyncio.get_running_loop()
        active = loop.time()
        while True:
            try:
                frame = await self._response.receive(timeout=LOOK_SECONDS)
            except TimeoutError:
                if self._session.busy:
                    active = loop.time()
                elif self._sessions.leaving:
                    self.end = SocketEnd.LEAVING
                    return
                elif loop.time() - active > self._settings.socket_idle_seconds:
                    self.end = SocketEnd.IDLE
                    return
                continue
            if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                if frame.type is not WSMsgType.CLOSE or self._response.close_code == WSCloseCode.ABNORMAL_CLOSURE:
                    self.end = SocketEnd.LOST
                return
            active = loop.time()
            if not self._finishing:
                await self._take(frame)
            await asyncio.sleep(0)  # messages that wait must not keep others waiting

    async def _take(self, frame: WSMessage) -> None:
        try:
            if not await self._conversation.take(_message(frame.type, frame.data)):
                self._finishing = True
                self._tasks.append(asyncio.create_task(self._finish()))
        except SpeechError as error:
            await self._conversation.refuse(error)

    async def _finish(self) -> None:
        """Speaks the rest; a client that is lost meanwhile ends the session itself."""
        with suppress(ConnectionError, TimeoutError):
            await self._session.finish()
        self._over.set()


def _abort(request: web.Request, lost: BaseException) -> None:
    """Ends the connection of a client that has left or does not read, or whose session has failed."""
    if not isinstance(lost, ConnectionError | TimeoutError):
        log.error(
            "a socket failed by a mistake of the server", exc_info=lost, extra={"request_id": request[REQUEST_ID]}
        )
    if request.transport is not None:
        request.transport.abort()


def _message(kind: WSMsgType, data: Any) -> Message:
    """Returns a frame as a message. Raises InvalidJson."""
    problem = "a message must be a text frame with a JSON object"
    if kind is not WSMsgType.TEXT:
        raise InvalidJson(problem)
    try:
        message = from_json(data)
    except ValueError:
        raise InvalidJson(problem) from None
    if not isinstance(message, dict):
        raise InvalidJson(problem)
    return message
