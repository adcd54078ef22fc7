"""What a format of messages must do: the interface between a socket and the session behind it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from aiohttp import web

from otel.contract.values import SocketEnd
from server.errors import SpeechError
from server.middleware.envelope import ErrorFormat
from server.streaming.context import ContextOptions, Event, StreamingContext
from server.streaming.streaming_session import StreamingSession

Message = dict[str, Any]
"""A message in JSON, from a client or to it."""


class Socket(Protocol):
    """The open WebSocket of a client. Raises ConnectionError when the client has left, TimeoutError when it reads too
    slowly."""

    async def send_json(self, message: Mapping[str, Any]) -> None:
        """Sends a text frame."""
        ...

    async def send_bytes(self, data: bytes) -> None:
        """Sends a binary frame."""
        ...

    def close(self, end: SocketEnd, message: str = "", code: int | None = None) -> None:
        """Ends the socket for this reason, after what was sent; what is being spoken is stopped. ``message`` tells the
        client why, as far as a close frame has room for it. ``code`` is the frame's, None for that of the reason."""
        ...


class Conversation(Protocol):
    """One client's messages in one format, and the answers to them."""

    async def begin(self) -> None:
        """Sends what the server says first."""
        ...

    async def take(self, message: Message) -> bool:
        """Handles a message, and returns whether more may follow; after the last one the session speaks what it still
        has, and the socket ends. Raises SpeechError for a message that is refused."""
        ...

    async def send(self, context: StreamingContext, event: Event) -> None:
        """Sends an event of a context."""
        ...

    async def refuse(self, error: SpeechError) -> None:
        """Sends the error of a message that was refused."""
        ...


@dataclass(frozen=True, slots=True)
class Opening:
    """What the request that opened a socket asks for."""

    options: ContextOptions
    """The options of contexts that state none of their own."""
    identifier: str
    """The id of the request, which the response carries too."""
    trace_id: str
    """The id of the socket's trace, in hexadecimal digits."""


class Converse(Protocol):
    """Begins a conversation."""

    def __call__(self, socket: Socket, session: StreamingSession, *, opening: Opening) -> Conversation:
        """Returns the conversation of an open socket."""
        ...


@dataclass(frozen=True, slots=True)
class SocketFormat:
    """The messages of one service, which its clients know."""

    path: str
    """The path of its sockets, with the names of variable parts in braces."""
    read: Callable[[web.Request], ContextOptions]
    """Returns the options in the path, query and headers of a handshake. Raises SpeechError."""
    converse: Converse
    names: Mapping[str, str] = field(default_factory=dict)
    """The format's names for fields of POST /tts, where they differ."""
    subprotocols: tuple[str, ...] = ()
    """The subprotocols that clients may ask for."""
    voice_in_messages: bool = False
    """Whether messages name the voice, so that the options of a handshake are not checked."""
    error_format: ErrorFormat | None = None
    """The format of a refused handshake; None for OpenAI's."""


def encode(message: Mapping[str, Any]) -> str:
    """Returns a message as compact JSON."""
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))
