"""The events of Wyoming's protocol, which Home Assistant speaks: what a client says, and what it is answered.

Events have no identifier, so a connection speaks one text at a time, and the next one waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import count
from typing import Literal

from pydantic import BaseModel, ConfigDict
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.event import Event as WyomingEvent
from wyoming.event import Eventable
from wyoming.ping import Pong
from wyoming.tts import SynthesizeStopped

from server.audio.formats import PCM
from server.errors import InvalidRequest, SpeechError, UnsupportedLanguage
from server.routes.requests import TtsRequest
from server.streaming.audio_stream import EncodedAudio
from server.streaming.context import ContextOptions, Event, Failed, Finished, StreamingContext
from server.streaming.message_fields import Traceparent
from server.streaming.query import validated
from server.streaming.streaming_session import StreamingSession
from server.streaming.utterance_synthesizer import UtteranceSynthesizer
from server.streaming.wyoming_info import describe_server
from server.text.languages import matching
from server.utterance import Voice

CHUNK_BYTES = 8192
"""The most bytes of audio in an event, which is 0.19 s at 22,050 Hz."""
SAMPLE_BYTES = PCM.encoding.sample_bytes
MILLISECONDS = 1000

Write = Callable[[WyomingEvent], Awaitable[None]]
"""Sends an event. Raises ConnectionError when the client has left, TimeoutError when it reads too slowly."""


class _Fields(BaseModel):
    """Fields that newer clients may add are ignored, as events of other types are."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Voice(_Fields):
    name: str | None = None
    language: str | None = None
    speaker: str | None = None


class _Context(_Fields):
    """What clients pass on from event to event."""

    traceparent: Traceparent | None = None


class _Start(_Fields):
    context: _Context | None = None
    voice: _Voice | None = None
    text_format: Literal["text", "ssml"] | None = None

    @property
    def traceparent(self) -> str | None:
        """The caller's span that the text belongs to, if the client names it."""
        return None if self.context is None else self.context.traceparent


class _Text(_Fields):
    text: str


class _Synthesize(_Start, _Text):
    pass


class _Ping(_Fields):
    text: str | None = None


class WyomingConversation:
    """The events of one connection."""

    def __init__(
        self,
        session: StreamingSession,
        speaker: UtteranceSynthesizer,
        write: Write,
        *,
        voices: Callable[[], Mapping[str, Voice]],
        default_voice: str,
        delay_seconds: float,
    ) -> None:
        """``voices`` returns those that the client may use, by name. Before an incomplete sentence of a text in pieces
        is spoken, it waits for ``delay_seconds``."""
        self._session = session
        self._speaker = speaker
        self._write = write
        self._voices = voices
        self._default_voice = default_voice
        self._delay_seconds = delay_seconds
        self._names = (str(number) for number in count())
        self._context: StreamingContext | None = None
        """The context of the newest text."""
        self._stream: StreamingContext | None = None
        """The same while its text arrives in pieces."""
        self._in_pieces = False
        """Whether the newest text arrives, or has arrived, in pieces."""
        self._begun = False
        """Whether its audio has begun."""
        self._sent = 0
        """The bytes of its audio so far."""
        self.over = False
        """Whether an error was sent, which is the last event."""
        self.failed = asyncio.Event()
        """Is set when a text could not be spoken and its client has been told: no more follows."""

    async def take(self, event: WyomingEvent) -> None:
        """Handles an event; one of an unknown type is ignored. Raises SpeechError for one that is refused."""
        match event.type:
            case "describe":
                await self._send(describe_server(self._voices().values()))
            case "ping":
                await self._send(Pong(validated(_Ping, event.data).text))
            case "synthesize" if self._stream is None:  # in a stream it repeats the text for servers without streams
                synthesize = validated(_Synthesize, event.data)
                if context := await self._open(synthesize):
                    context.feed(synthesize.text)
                    context.finish()
            case "synthesize-start":
                if self._stream is not None:
                    raise InvalidRequest("synthesize-start: the last text has not ended; send synthesize-stop first")
                start = validated(_Start, event.data)
                if start.text_format == "ssml":
                    raise InvalidRequest("text_format: SSML must be sent whole, by synthesize", param="text_format")
                self._stream = await self._open(start, in_pieces=True)
            case "synthesize-chunk":
                self._streaming().feed(validated(_Text, event.data).text)
            case "synthesize-stop":
                self._streaming().finish()
                self._stream = None

    async def send(self, context: StreamingContext, event: Event) -> None:
        """Sends an event of a context."""
        match event:
            case EncodedAudio():
                await self._send_audio(context, event.data)
            case Finished():
                await self._begin(context)
                await self._send(AudioStop(timestamp=self._milliseconds(context)))
                if self._in_pieces:
                    await self._send(SynthesizeStopped())
            case Failed():
                await self.refuse(event.error)
                self.failed.set()

    async def refuse(self, error: SpeechError) -> None:
        """Sends an error, after which nothing is sent."""
        error_event = Error(text=error.message, code=error.error_type)
        if not self.over:
            self.over = True
            await self._write(error_event.event())

    def _streaming(self) -> StreamingContext:
        """Returns the context whose text arrives in pieces. Raises InvalidRequest if there is none."""
        if self._stream is None:
            raise InvalidRequest("synthesize-start must be sent first")
        return self._stream

    async def _open(self, start: _Start, *, in_pieces: bool = False) -> StreamingContext | None:
        """Begins a text once the one before is spoken; returns None if that failed. Raises the errors of
        ``StreamingSession.open``."""
        speech = self._speech(start)
        voice = (await self._speaker.check(speech, self._session.client.caller)).voice
        options = ContextOptions(speech, replace(PCM, rates=(voice.sample_rate,)), self._delay_seconds)
        if self._context is not None:
            await self._context.ended()
        if self.over:
            return None
        self._in_pieces, self._begun, self._sent = in_pieces, False, 0
        self._context = await self._session.open(next(self._names), options)
        self._context.feed("", start.traceparent)
        return self._context

    def _speech(self, start: _Start) -> TtsRequest:
        """Returns the request for a text. Raises InvalidRequest and UnsupportedLanguage."""
        asked = start.voice or _Voice()
        if asked.speaker:
            raise InvalidRequest(
                "speaker: each voice of this server has one speaker; the name of the voice chooses it", param="speaker"
            )
        name, language = asked.name, None
        if name is None and asked.language is not None:
            name, language = self._voice_of(asked.language.lower().replace("_", "-"))
        return TtsRequest(
            text="",
            voice_name=name,
            language=language,
            response_format="pcm",
            stream=True,
            input_type="ssml" if start.text_format == "ssml" else "text",
        )

    def _voice_of(self, code: str) -> tuple[str, str]:
        """Returns the name of a voice that speaks a language, the default voice if it does, and its own code for the
        language. Raises UnsupportedLanguage."""
        for voice in sorted(self._voices().values(), key=lambda each: each.name != self._default_voice):
            if language := matching(code, voice.languages):
                return voice.name, language
        raise UnsupportedLanguage("language: no voice of this server speaks this language", param="language")

    async def _begin(self, context: StreamingContext) -> None:
        if not self._begun:
            self._begun = True
            await self._send(AudioStart(_rate(context), SAMPLE_BYTES, 1, timestamp=0))

    async def _send_audio(self, context: StreamingContext, data: bytes) -> None:
        await self._begin(context)
        for start in range(0, len(data), CHUNK_BYTES):
            samples = data[start : start + CHUNK_BYTES]
            timestamp = self._milliseconds(context)
            await self._send(AudioChunk(_rate(context), SAMPLE_BYTES, 1, samples, timestamp=timestamp))
            self._sent += len(samples)

    def _milliseconds(self, context: StreamingContext) -> int:
        """Returns the length of the audio that was sent."""
        return round(self._sent / SAMPLE_BYTES / _rate(context) * MILLISECONDS)

    async def _send(self, event: Eventable) -> None:
        if not self.over:
            await self._write(event.event())


def _rate(context: StreamingContext) -> int:
    """Returns the sample rate of a context's audio, in Hz."""
    return context.options.form.rates[0]
