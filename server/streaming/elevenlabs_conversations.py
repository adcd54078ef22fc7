"""ElevenLabs' messages: of one text, and of texts by name."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any, cast

from pydantic import BaseModel

from otel.contract.values import SocketEnd
from server.errors import InvalidRequest, SpeechError, UnsupportedByVoice
from server.streaming.audio_stream import EncodedAudio
from server.streaming.context import Event, Failed, Finished, Flushed, StreamingContext
from server.streaming.conversation import Message, Opening, Socket
from server.streaming.elevenlabs_contexts import ElevenLabsContext, SocketOptions
from server.streaming.elevenlabs_errors import POLICY_VIOLATION, error_message
from server.streaming.elevenlabs_fields import STRICT, VoiceSettings, changes, effective
from server.streaming.message_fields import PlayedMilliseconds, Traceparent
from server.streaming.query import validated
from server.streaming.streaming_session import StreamingSession

IGNORED = frozenset(
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
INPUT_TIMEOUT: Message = {
    "message": "no message came within inactivity_timeout",
    "error": "input_timeout_exceeded",
    "code": POLICY_VIOLATION,
}
"""The last message to a client whose text has not ended, and who sends nothing more."""
UNNAMED = "default"
"""The name of a context without one."""


class _Text(BaseModel):
    model_config = STRICT

    text: str | None = None
    flush: bool | None = None
    voice_settings: VoiceSettings | None = None
    traceparent: Traceparent | None = None


class _ContextText(_Text):
    context_id: str | None = None
    close_context: bool | None = None
    close_socket: bool | None = None
    played_ms: PlayedMilliseconds | None = None
    """Of the context that is closed."""


class _Conversation:
    """What both formats have in common; see Conversation."""

    def __init__(self, socket: Socket, session: StreamingSession, *, opening: Opening) -> None:
        self._socket = socket
        self._session = session
        self._options = cast("SocketOptions", opening.options)
        self._streams: dict[str, ElevenLabsContext] = {}

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
        self._socket.close(SocketEnd.REFUSED, error.message)

    async def _stream(self, name: str, settings: VoiceSettings | None) -> ElevenLabsContext:
        """Returns the context of this name, a new one if there is none. Raises InvalidRequest for settings that change,
        and the errors of ``StreamingSession.open``."""
        stream = self._streams.get(name)
        if stream is None:
            context = await self._open(name, settings)
            stream = self._streams[name] = ElevenLabsContext(context, self._options, settings)
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
        fields = validated(_Text, effective(message, IGNORED))
        if fields.text == "":
            return False
        if fields.text is None:
            raise InvalidRequest("text: must be given; an empty text ends the stream", param="text")
        stream = await self._stream(UNNAMED, fields.voice_settings)
        stream.feed(fields.text, flush=bool(fields.flush), traceparent=fields.traceparent)
        return True

    async def _end(self, name: str) -> None:
        if self._streams[name].expired:
            await self._socket.send_json(INPUT_TIMEOUT)
            self._socket.close(SocketEnd.IDLE, INPUT_TIMEOUT["message"], POLICY_VIOLATION)
        else:
            await super()._end(name)
            self._socket.close(SocketEnd.DONE)


class MultiStreamInputConversation(_Conversation):
    """Texts by name; see Conversation."""

    async def take(self, message: Message) -> bool:
        message = {"context_id" if name == "contextId" else name: value for name, value in message.items()}
        fields = validated(_ContextText, effective(message, IGNORED))
        if fields.close_socket:
            return False
        name = fields.context_id or UNNAMED
        if fields.close_context:
            await self._close(name, fields.played_ms)
        elif fields.text or name in self._streams:  # no text and no context: there is nothing to flush or to sustain
            stream = await self._stream(name, fields.voice_settings)
            stream.feed(fields.text or "", flush=bool(fields.flush), traceparent=fields.traceparent)
        return True

    async def _close(self, name: str, played_ms: int | None) -> None:
        """Ends a context: after the text before a flush, if one waits, else without another sound."""
        stream = self._streams.get(name)
        if stream is None:
            return
        if stream.flushes:
            stream.context.finish()
        else:
            await self._session.cancel(name, played_ms)
            if name in self._streams:  # it may have ended meanwhile
                await self._end(name)

    async def _fail(self, name: str, error: SpeechError) -> None:
        await self._send(name, **error_message(error))
        await self._end(name)

    async def _send(self, name: str, **fields: Any) -> None:
        await super()._send(name, contextId=name, **fields)
