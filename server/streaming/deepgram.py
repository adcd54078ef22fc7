"""Deepgram's WebSocket for speech, ``/v1/speak``: one text, flushed and cleared by messages, and raw samples."""

from __future__ import annotations

import json
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.audio.formats import PCM, audio_format
from server.audio.sample_encoding import SampleEncoding
from server.errors import InvalidRequest, SpeechError
from server.routes.requests import SEED, TtsRequest
from server.settings import Settings
from server.streaming.audio_stream import EncodedAudio
from server.streaming.context import ContextOptions, Event, Failed, Flushed, StreamingContext
from server.streaming.conversation import Message, Opening, Socket, SocketFormat
from server.streaming.message_fields import PlayedMilliseconds, SocketQuery, Traceparent
from server.streaming.query import read_query, validated
from server.streaming.streaming_session import StreamingSession
from server.utterance import SPEED_RANGE

PATHS = ("/v1/speak", "/deepgram/v1/speak")
IGNORED = frozenset({"mip_opt_out", "tag"})
"""The fields that say nothing about the speech."""
ENCODINGS = {
    "linear16": SampleEncoding.PCM_S16LE,
    "mulaw": SampleEncoding.PCM_MULAW,
    "alaw": SampleEncoding.PCM_ALAW,
}
NAMES = {"voice_name": "model"}
RATE = 24_000
"""Hz, where the client asks for no other."""
STRICT = ConfigDict(strict=True, extra="forbid", frozen=True)
_CONTEXT = "deepgram"


class _Query(SocketQuery):
    model: str | None = None
    encoding: Literal["linear16", "mulaw", "alaw"] = "linear16"
    sample_rate: Literal["8000", "16000", "22050", "24000", "32000", "44100", "48000"] | None = None
    container: Literal["none"] = "none"
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1])
    seed: int | None = SEED


class _Speak(BaseModel):
    model_config = STRICT

    type: Literal["Speak"]
    text: str
    traceparent: Traceparent | None = None


class _Clear(BaseModel):
    model_config = STRICT

    type: Literal["Clear"]
    played_ms: PlayedMilliseconds | None = None


class DeepgramConversation:
    """See Conversation."""

    def __init__(self, socket: Socket, session: StreamingSession, *, opening: Opening) -> None:
        self._socket = socket
        self._session = session
        self._opening = opening
        self._sequence = 0

    async def begin(self) -> None:
        voice = self._opening.options.speech.voice_name
        await self._socket.send_json(
            {
                "type": "Metadata",
                "request_id": self._opening.identifier,
                "model_name": voice,
                "model_version": "",
                "model_uuid": "",
            }
        )

    async def take(self, message: Message) -> bool:
        match message.get("type"):
            case "Speak":
                speak = validated(_Speak, message)
                (await self._context()).feed(speak.text, speak.traceparent)
            case "Flush":
                (await self._context()).flush()
            case "Clear":
                await self._session.cancel(_CONTEXT, validated(_Clear, message).played_ms)
                await self._numbered("Cleared")
            case "Close":
                return False
            case _:
                raise InvalidRequest("type: must be Speak, Flush, Clear or Close", param="type")
        return True

    async def send(self, context: StreamingContext, event: Event) -> None:
        match event:
            case EncodedAudio():
                await self._socket.send_bytes(event.data)
            case Flushed():
                await self._numbered("Flushed")
            case Failed():
                await self._report("Error", event.error)
                for _ in range(event.flushes):  # or their client would wait for ever
                    await self._numbered("Flushed")

    async def refuse(self, error: SpeechError) -> None:
        await self._report("Warning", error)

    async def _report(self, kind: str, error: SpeechError) -> None:
        await self._socket.send_json({"type": kind, "description": error.message, "code": error.error_type.upper()})

    async def _context(self) -> StreamingContext:
        return self._session.find(_CONTEXT) or await self._session.open(_CONTEXT, self._opening.options)

    async def _numbered(self, kind: str) -> None:
        await self._socket.send_json({"type": kind, "sequence_id": self._sequence})
        self._sequence += 1


def error_response(error: SpeechError) -> web.Response:
    """Returns the response to an error in Deepgram's format."""
    body = json.dumps({"err_code": error.error_type.upper(), "err_msg": error.message})
    response = web.Response(status=error.status, text=body, content_type="application/json")
    response.headers.update(error.headers)
    return response


def formats(settings: Settings) -> tuple[SocketFormat, ...]:
    """Returns the format at its paths."""

    def read(request: web.Request) -> ContextOptions:
        query = read_query(request, _Query, IGNORED)
        rate = RATE if query.sample_rate is None else int(query.sample_rate)
        form = audio_format(PCM.name, rate, ENCODINGS[query.encoding])
        speech = TtsRequest(
            text="", voice_name=query.model, speed=query.speed, response_format="pcm", stream=True, seed=query.seed
        )
        return ContextOptions(speech, form, settings.buffer_delay_seconds)

    return tuple(
        SocketFormat(path, read, DeepgramConversation, NAMES, ("token",), error_format=error_response) for path in PATHS
    )
