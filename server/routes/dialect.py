"""What a client asks for, whichever call it used, and what a call is: how it is read, and what it names its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from server.audio.formats import FORMATS, Format
from server.routes.requests import TtsRequest, parse_tts, read_json


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """Speech, and in what form."""

    speech: TtsRequest
    events: bool = False
    """Whether the audio comes as server-sent events."""
    ignored: tuple[str, ...] = ()
    """Fields of the call that mean nothing here: the client is told by the header X-TTS-Ignored."""

    @property
    def format(self) -> Format:
        return FORMATS[self.speech.response_format]


class Dialect(Protocol):
    """One way of asking for speech."""

    @property
    def names(self) -> Mapping[str, str]:
        """What the call names fields of POST /tts, where that differs."""
        ...

    async def read(self, request: web.Request, seconds: float) -> bytes:
        """The body, whole within ``seconds``. Raises RequestTimeout, and what says that it can't be read."""
        ...

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        """Raises the error that names the first field that is wrong."""
        ...


class TtsDialect:
    """POST /tts."""

    names: Mapping[str, str] = {}

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        speech = parse_tts(body)
        return SynthesisRequest(speech, events=speech.stream and speech.timestamps)
