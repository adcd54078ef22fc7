"""Cartesia's WebSocket for speech, ``/tts/websocket``: contexts by name, whose text arrives in messages."""

from __future__ import annotations

from typing import Literal

from aiohttp import web
from pydantic import BaseModel, Field

from server.errors import InvalidRequest, SpeechError
from server.routes.requests import TtsRequest
from server.settings import Settings
from server.streaming import cartesia_events as events
from server.streaming.audio_stream import EncodedAudio
from server.streaming.cartesia_fields import PREFIXES, STRICT, EventfulSpeech, read_speech
from server.streaming.context import ContextOptions, Event, Failed, Finished, Flushed, StreamingContext
from server.streaming.conversation import Message, Opening, Socket, SocketFormat
from server.streaming.message_fields import PlayedMilliseconds, SocketQuery, Traceparent
from server.streaming.query import read_query, validated
from server.streaming.streaming_session import MOST_CONTEXTS, MOST_NAME_CHARACTERS, StreamingSession

PATHS = tuple(f"{prefix}/tts/websocket" for prefix in PREFIXES)
MOST_DELAY = 5000
"""The longest delay of a text that waits for its next piece, in milliseconds."""


class _Query(SocketQuery):
    cartesia_version: str | None = None
    """Ignored: all versions have the same messages here."""
    cartesia_client: str | None = None
    """The SDK's name, from a browser; ignored."""


class _Generation(EventfulSpeech):
    """A piece of a context's text. The first message of a context says how it speaks."""

    context_id: str
    continues: bool | None = Field(None, alias="continue")
    flush: bool | None = None
    max_buffer_delay_ms: int | None = Field(None, ge=0, le=MOST_DELAY)
    traceparent: Traceparent | None = None

    @property
    def flushes(self) -> bool:
        """Whether everything that has arrived is to be spoken. A client that allows no delay divides its text itself,
        so each of its messages is spoken at once."""
        return bool(self.flush) or (self.max_buffer_delay_ms == 0 and bool(self.continues and self.transcript))

    @property
    def empty(self) -> bool:
        """Whether it only says that no text follows."""
        return not (self.continues or self.flush or self.transcript.strip())


class _Cancellation(BaseModel):
    model_config = STRICT

    context_id: str
    cancel: Literal[True]
    played_ms: PlayedMilliseconds | None = None


class CartesiaConversation:
    """See Conversation. An error ends the context that it names, since clients stop listening to it then."""

    def __init__(self, socket: Socket, session: StreamingSession, *, opening: Opening) -> None:
        self._socket = socket
        self._session = session
        self._opening = opening
        self._name: str | None = None
        """The context of the message that is handled, or was refused."""
        self._flushes: dict[str, int] = {}
        """The number of the next flush of each context, from 1; the audio before it has the same number."""

    async def begin(self) -> None:
        """Says nothing: a client speaks first."""

    async def take(self, message: Message) -> bool:
        self._name = _context_name(message)
        if message.get("cancel"):
            await self._cancel(self._name, validated(_Cancellation, message).played_ms)
        else:
            await self._speak(self._name, read_speech(_Generation, message))
        self._name = None
        return True

    async def send(self, context: StreamingContext, event: Event) -> None:
        name = context.identifier
        match event:
            case EncodedAudio():
                names = {"context_id": name, "flush_id": self._flushes[name]}
                if event.words:
                    await self._socket.send_json(events.word_timestamps(event.words, **names))
                if event.data:
                    await self._socket.send_json(events.audio_chunk(event.data, event.synthesis_seconds, **names))
            case Flushed():
                await self._socket.send_json(events.flush_done(self._flushes[name], context_id=name))
                self._flushes[name] += 1
            case Finished():
                del self._flushes[name]
                await self._socket.send_json(events.done(context_id=name))
            case Failed():
                del self._flushes[name]
                await self._report(event.error, name)

    async def refuse(self, error: SpeechError) -> None:
        name, self._name = self._name, None
        if name is not None:
            await self._cancel(name)
        await self._report(error, name)

    async def _speak(self, name: str, generation: _Generation) -> None:
        context = self._session.find(name)
        if context is None:
            if generation.empty and name in self._flushes:
                return  # all its text has arrived, and its audio follows
            context = await self._open(name, generation)
        context.feed(generation.transcript, generation.traceparent)
        if generation.flushes:
            context.flush()
        if not generation.continues:
            context.finish()

    async def _open(self, name: str, generation: _Generation) -> StreamingContext:
        """Begins a context. One that has nothing to say makes room for it, if need be, as contexts expire."""
        contexts = self._session.contexts
        if len(contexts) >= MOST_CONTEXTS and (idle := next((each for each in contexts if not each.busy), None)):
            await self._cancel(idle.identifier)
        delay, speech = generation.max_buffer_delay_ms, generation.as_tts()
        seconds = self._opening.options.delay_seconds if delay is None else delay / 1000
        context = await self._session.open(name, ContextOptions(speech, speech.format, seconds))
        self._flushes[name] = 1
        return context

    async def _cancel(self, name: str, played_ms: int | None = None) -> None:
        await self._session.cancel(name, played_ms)
        self._flushes.pop(name, None)

    async def _report(self, error: SpeechError, name: str | None) -> None:
        names = {} if name is None else {"context_id": name}
        await self._socket.send_json(events.failure(error, request_id=self._opening.identifier, **names))


def formats(settings: Settings) -> tuple[SocketFormat, ...]:
    """Returns the format at its paths."""

    def read(request: web.Request) -> ContextOptions:
        read_query(request, _Query)
        return default

    speech = TtsRequest(text="", response_format="pcm", stream=True)
    default = ContextOptions(speech, speech.format, settings.buffer_delay_seconds)
    return tuple(
        SocketFormat(path, read, CartesiaConversation, voice_in_messages=True, error_format=events.refusal)
        for path in PATHS
    )


def _context_name(message: Message) -> str:
    """Returns the name of a message's context. Raises InvalidRequest."""
    name = message.get("context_id")
    if not isinstance(name, str) or not 0 < len(name) <= MOST_NAME_CHARACTERS:
        raise InvalidRequest(
            f"context_id: must be a string of 1 to {MOST_NAME_CHARACTERS} characters", param="context_id"
        )
    return name
