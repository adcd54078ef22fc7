"""Deepgram's call for speech over HTTP, ``POST /v1/speak``: the text in the body, everything else in the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from server.access.caller import Scope
from server.audio.sample_encoding import SampleEncoding
from server.errors import UnsupportedFormat
from server.routes.dialect import SynthesisRequest
from server.routes.requests import SEED, FormatName, TtsRequest, parse, read_json
from server.routes.route import Handler, Route
from server.streaming.deepgram import ENCODINGS, IGNORED, NAMES, error_response
from server.streaming.query import read_query, validated
from server.utterance import SPEED_RANGE

Coding = Literal["linear16", "mulaw", "alaw", "mp3", "opus", "flac", "aac"]
Container = Literal["none", "wav", "ogg"]
RATES = {"linear16": 24_000, "mulaw": 8_000, "alaw": 8_000}
"""The rates of samples in Hz, where the client asks for no other."""
CONTAINERS: Mapping[Coding, tuple[Container, ...]] = {
    **dict.fromkeys(("linear16", "mulaw", "alaw"), ("wav", "none")),
    **dict.fromkeys(("mp3", "flac", "aac"), ("none",)),
    "opus": ("ogg",),
}
"""The containers of each encoding; the first is the one that it has by itself."""


class _Query(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | None = None
    encoding: Coding = "mp3"
    container: Container | None = None
    sample_rate: int | None = None
    speed: float = Field(1.0, ge=SPEED_RANGE[0], le=SPEED_RANGE[1])
    seed: int | None = SEED

    def format(self) -> tuple[FormatName, int | None, SampleEncoding | None]:
        """Returns the format, the rate in Hz and the encoding of samples. Raises UnsupportedFormat."""
        containers = CONTAINERS[self.encoding]
        container = self.container or containers[0]
        if container not in containers:
            allowed = " or ".join(containers)
            raise UnsupportedFormat(f"container must be {allowed} for {self.encoding}", param="container")
        if self.encoding in ENCODINGS:
            rate = self.sample_rate or RATES[self.encoding]
            return "wav" if container == "wav" else "pcm", rate, ENCODINGS[self.encoding]
        return self.encoding, self.sample_rate, None  # type: ignore[return-value] # the others are names of formats


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    text: str


class DeepgramDialect:
    """See server.routes.dialect.Dialect."""

    names: Mapping[str, str] = {**NAMES, "response_format": "encoding"}

    def __init__(self, path: str) -> None:
        self.path = path

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        return (Route("POST", self.path, handler, Scope.SPEAK, None, error_format=error_response),)

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        query = read_query(request, _Query, IGNORED)
        form, rate, encoding = query.format()
        speech = validated(
            TtsRequest,
            {
                "text": parse(_Body, body).text,
                "voice_name": query.model,
                "speed": query.speed,
                "response_format": form,
                "sample_rate": rate,
                "encoding": encoding and encoding.value,
                "stream": True,
                "seed": query.seed,
            },
        )
        return SynthesisRequest(speech, ignored=tuple(name for name in sorted(IGNORED) if name in request.query))
