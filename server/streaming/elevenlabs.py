"""ElevenLabs' WebSockets for speech: ``stream-input`` for one text, ``multi-stream-input`` for texts by name."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from otel.contract.values import SocketEnd
from server.errors import InvalidRequest, SpeechError, UnsupportedByVoice
from server.routes.requests import TtsRequest
from server.settings import Settings
from server.streaming.audio_stream import EncodedAudio
from server.streaming.context import ContextOptions, Event, Failed, Finished, Flushed, StreamingContext
from server.streaming.conversation import Converse, Message, Opening, Socket, SocketFormat
from server.streaming.elevenlabs_alignment import AlignmentClock, socket_alignment
from server.streaming.elevenlabs_errors import NAMES, error_message, query_error_response
from server.streaming.elevenlabs_fields import (
    PREFIXES,
    STRICT,
    VOICE_PATH,
    Normalization,
    VoiceSettings,
    changes,
    effective,
)
from server.streaming.elevenlabs_formats import DEFAULT, SOCKET_FORMATS, output_format
from server.streaming.query import read_query, validated
from server.streaming.streaming_session import StreamingSession

IGNORED = frozenset(
    {
        "apply_language_text_normalization",
        "authorization",
        "enable_logging",
        "model_id",
        "optimize_streaming_latency",
        "seed",
        "single_use_token",
    }
)
"""The fields of a handshake that mean nothing here. Keys are sent in headers."""
IGNORED_IN_MESSAGES = frozenset(
    {
        "authorization",
        "generation_config",
        "generator_config",
        "try_trigger_generation",
        "xi-api-key",
        "xi_api_key",
    }
)
"""The fields of messages that mean nothing here: the text decides when it is spoken, and keys are sent in headers."""
UNNAMED = "default"
"""The name of a context without one."""


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    output_format: str = DEFAULT
    language_code: str | None = None
    inactivity_timeout: int = Field(20, ge=1, le=180)
    sync_alignment: bool = False
    auto_mode: bool = False
    apply_text_normalization: Normalization = "auto"
    enable_ssml_parsing: Literal["false"] = "false"


class _Text(BaseModel):
    model_config = STRICT

    text: str | None = None
    flush: bool | None = None
    voice_settings: VoiceSettings | None = None


class _ContextText(_Text):
    context_id: str | None = None
    close_context: bool | None = None
    close_socket: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketOptions(ContextOptions):
    """What a handshake asks for."""

    auto_mode: bool
    """Whether each message is spoken as it is, without waiting for the end of a sentence."""
    continuous: bool
    """Whether times count from the beginning of a context's audio, not of each message's."""
    inactivity_seconds: float
    """How long a context without text to speak waits for its next message before it ends."""


class _Stream:
    """A context as its client sees it."""

    def __init__(self, context: StreamingContext, options: SocketOptions, settings: VoiceSettings | None) -> None:
        self.context = context
        self.settings = settings
        self.flushes = 0
        """The flushes before which not all audio was sent."""
        self._clock = AlignmentClock(options.form)
        self._options = options
        self._timer: asyncio.TimerHandle | None = None
        context.on_end(lambda _: self._stop_timer())

    def feed(self, text: str, *, flush: bool) -> None:
        """Adds text, perhaps none. Raises InvalidRequest for a context that was closed, and TextTooLong."""
        if not self.context.open:
            raise InvalidRequest("context_id: this context was closed, and is still speaking", param="context_id")
        self._restart_timer()
        self.context.feed(text)
        if self._options.auto_mode:
            self.context.release()
        if flush:
            self.context.flush()
            self.flushes += 1

    def align(self, piece: EncodedAudio) -> dict[str, Any] | None:
        """Returns the alignment of the next piece of its audio, if it has one. Continuous times need no alignment of
        silence."""
        begin, characters = self._clock.align(piece.data, piece.words, piece.seconds)
        if not self.context.options.speech.timestamps or (self._options.continuous and not piece.words):
            return None
        return socket_alignment(characters, 0.0 if self._options.continuous else begin)

    def _restart_timer(self) -> None:
        self._stop_timer()
        self._timer = asyncio.get_running_loop().call_later(self._options.inactivity_seconds, self._expire)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        if self.context.busy:
            self._restart_timer()
        else:
            self.context.finish()


class _Conversation:
    """What both formats have in common; see Conversation."""

    def __init__(self, socket: Socket, session: StreamingSession, *, opening: Opening) -> None:
        self._socket = socket
        self._session = session
        self._options = cast("SocketOptions", opening.options)
        self._streams: dict[str, _Stream] = {}

    async def begin(self) -> None:
        """Says nothing: a client speaks first."""

    async def send(self, context: StreamingContext, event: Event) -> None:
        stream = self._streams[context.identifier]
        match event:
            case EncodedAudio():
                times = stream.align(event)
                if event.data or times is not None:
                    audio = base64.b64encode(event.data).decode()
                    await self._send(context.identifier, audio=audio, alignment=times, normalizedAlignment=times)
            case Flushed():
                stream.flushes -= 1
            case Finished():
                await self._end(context.identifier)
            case Failed():
                await self._fail(context.identifier, event.error)

    async def refuse(self, error: SpeechError) -> None:
        await self._socket.send_json(error_message(error))
        self._socket.close(SocketEnd.REFUSED)

    async def _stream(self, name: str, settings: VoiceSettings | None) -> _Stream:
        """Returns the context of this name, a new one if there is none. Raises InvalidRequest for settings that change,
        and the errors of ``StreamingSession.open``."""
        stream = self._streams.get(name)
        if stream is None:
            context = await self._open(name, settings)
            stream = self._streams[name] = _Stream(context, self._options, settings)
        elif settings is not None and settings != stream.settings:
            raise InvalidRequest(
                "voice_settings: must be those of the first message, or absent", param="voice_settings"
            )
        return stream

    async def _open(self, name: str, settings: VoiceSettings | None) -> StreamingContext:
        """Opens a context with the times of words, if the voice has them."""
        options, updates = self._options, changes(settings)
        timed = options.speech.model_copy(update=updates | {"timestamps": True})
        try:
            return await self._session.open(name, replace(options, speech=timed))
        except UnsupportedByVoice:
            untimed = options.speech.model_copy(update=updates)
            return await self._session.open(name, replace(options, speech=untimed))

    async def _end(self, name: str) -> None:
        """Says that nothing more of a context follows."""
        self._streams.pop(name, None)
        await self._send(name, audio=None, alignment=None, normalizedAlignment=None, isFinal=True)

    async def _fail(self, name: str, error: SpeechError) -> None:
        """Says that a context could not be spoken."""
        await self.refuse(error)

    async def _send(self, name: str, **fields: Any) -> None:
        """Sends a message about a context."""
        await self._socket.send_json({"isFinal": None, **fields})


class StreamInputConversation(_Conversation):
    """One text; see Conversation."""

    async def take(self, message: Message) -> bool:
        fields = validated(_Text, effective(message, IGNORED_IN_MESSAGES))
        if fields.text == "":
            return False
        if fields.text is None:
            raise InvalidRequest("text: must be given; an empty text ends the stream", param="text")
        stream = await self._stream(UNNAMED, fields.voice_settings)
        stream.feed(fields.text, flush=bool(fields.flush))
        return True

    async def _end(self, name: str) -> None:
        await super()._end(name)
        self._socket.close(SocketEnd.DONE)


class MultiStreamInputConversation(_Conversation):
    """Texts by name; see Conversation."""

    async def take(self, message: Message) -> bool:
        message = {"context_id" if name == "contextId" else name: value for name, value in message.items()}
        fields = validated(_ContextText, effective(message, IGNORED_IN_MESSAGES))
        if fields.close_socket:
            return False
        name = fields.context_id or UNNAMED
        if fields.close_context:
            await self._close(name)
        elif fields.text or name in self._streams:  # no text and no context: there is nothing to flush or to sustain
            stream = await self._stream(name, fields.voice_settings)
            stream.feed(fields.text or "", flush=bool(fields.flush))
        return True

    async def _close(self, name: str) -> None:
        """Ends a context: after the text before a flush, if one waits, else without another sound."""
        stream = self._streams.get(name)
        if stream is None:
            return
        if stream.flushes:
            stream.context.finish()
        else:
            await self._session.cancel(name)
            await self._end(name)

    async def _fail(self, name: str, error: SpeechError) -> None:
        await self._send(name, **error_message(error))
        await self._end(name)

    async def _send(self, name: str, **fields: Any) -> None:
        await super()._send(name, contextId=name, **fields)


CONVERSATIONS: dict[str, Converse] = {
    f"{VOICE_PATH}/stream-input": StreamInputConversation,
    f"{VOICE_PATH}/multi-stream-input": MultiStreamInputConversation,
}
SOCKET_PATHS = tuple(prefix + path for prefix in PREFIXES for path in CONVERSATIONS)


def formats(settings: Settings) -> tuple[SocketFormat, ...]:
    """Returns both formats at their paths."""

    def read(request: web.Request) -> SocketOptions:
        query = read_query(request, _Query, IGNORED)
        form = output_format(query.output_format, SOCKET_FORMATS)
        values = {
            "text": "",
            "voice_name": request.match_info["voice_id"],
            "language": query.language_code,
            "response_format": form.name,
            "stream": True,
        }
        return SocketOptions(
            validated(TtsRequest, values),
            form,
            settings.buffer_delay_seconds,
            auto_mode=query.auto_mode,
            continuous=query.sync_alignment,
            inactivity_seconds=query.inactivity_timeout,
        )

    return tuple(
        SocketFormat(prefix + path, read, converse, NAMES, error_format=query_error_response)
        for prefix in PREFIXES
        for path, converse in CONVERSATIONS.items()
    )
