"""POST /v1/audio/speech, as OpenAI defines it: its clients only need another base URL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.access.caller import Scope
from server.audio.formats import FORMATS
from server.routes import events
from server.routes.dialect import SynthesisRequest
from server.routes.operations import IGNORED_HEADER, audio, json_body, speaks
from server.routes.requests import (
    ENCODING,
    INPUT_TYPE,
    PRONUNCIATIONS,
    SAMPLE_RATE,
    SEED,
    EncodingName,
    FormatName,
    SampleRate,
    TtsRequest,
    parse,
    read_json,
)
from server.routes.route import Handler, Route
from server.routes.schemas import EVENT
from server.text.lexicon import Pronunciation
from server.text.script import InputType
from server.utterance import SPEED_RANGE

PATH = "/v1/audio/speech"
IGNORED = "Ignored; the response header X-TTS-Ignored names it."


class VoiceId(BaseModel):
    """A voice as OpenAI names those of its customers."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, title="VoiceId")

    id: str


class SpeechRequest(BaseModel):
    """The body of POST /v1/audio/speech."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, title="SpeechRequest")

    model: str = Field(description="Any name is accepted; the voice decides which model speaks.")
    input: str = Field(description="What to say. Emotion tags such as (happy) are neither spoken nor counted.")
    voice: str | VoiceId = Field(description="A voice of GET /v1/audio/voices, or one of its aliases such as alloy.")
    instructions: str | None = Field(None, description=IGNORED)
    response_format: FormatName = Field(
        "mp3", description="Mono, at the voice's sample rate; opus 48 kHz, pcm 24 kHz: 16-bit samples without a header."
    )
    speed: float | None = Field(
        1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1], description="1 is the voice's own pace; null is ignored."
    )
    stream_format: Literal["audio", "sse"] = Field(
        "audio", description="The audio is sent while it is being made: as it is, or in server-sent events."
    )
    sample_rate: SampleRate | None = SAMPLE_RATE
    encoding: EncodingName | None = ENCODING
    input_type: InputType = INPUT_TYPE
    pronunciations: tuple[Pronunciation, ...] = PRONUNCIATIONS
    seed: int | None = SEED

    stream: bool | None = Field(None, description=f"{IGNORED} The audio is always sent while it is being made.")
    user: str | None = Field(None, description=IGNORED)

    @property
    def ignored(self) -> tuple[str, ...]:
        """The fields that the request has and that have no effect."""
        given = {"instructions": self.instructions, "stream": self.stream, "user": self.user}
        names = [name for name, value in given.items() if value not in (None, "")]
        return (*names, "speed") if self.speed is None else tuple(names)

    def as_tts(self) -> TtsRequest:
        """Returns the equivalent TtsRequest, with streaming. Raises UnsupportedFormat."""
        chosen: dict[str, Any] = (
            {"speed": self.speed} if self.speed is not None and "speed" in self.model_fields_set else {}
        )
        return TtsRequest(
            text=self.input,
            voice_name=self.voice if isinstance(self.voice, str) else self.voice.id,
            response_format=self.response_format,
            sample_rate=self.sample_rate,
            encoding=self.encoding,
            stream=True,
            input_type=self.input_type,
            pronunciations=self.pronunciations,
            seed=self.seed,
            **chosen,
        )


class OpenAiDialect:
    """OpenAI's dialect; see server.routes.dialect.Dialect."""

    path = PATH
    names: Mapping[str, str] = {"text": "input", "voice_name": "voice"}

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        content = {**audio(FORMATS), events.CONTENT_TYPE: {"schema": EVENT}}
        summary = "Speak a text; compatible with OpenAI's API. The audio is sent while it is being made."
        body = json_body("SpeechRequest")
        return (Route("POST", PATH, handler, Scope.SPEAK, speaks(summary, body, content, IGNORED_HEADER)),)

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        speech = parse(SpeechRequest, body)
        return SynthesisRequest(
            speech.as_tts(),
            events=events.OpenAiEvents() if speech.stream_format == "sse" else None,
            ignored=speech.ignored,
        )
