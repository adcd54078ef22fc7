"""The synthesis request and its dialects: how each API's request is read, and how it names its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from server.access.caller import Scope
from server.audio.formats import FORMATS, Format
from server.routes import captions, events, schemas
from server.routes.captions import Captions
from server.routes.event_format import EventFormat
from server.routes.operations import VERIFICATION_HEADERS, audio, json_body, speaks
from server.routes.requests import JSON, TtsRequest, parse_tts, read_json
from server.routes.route import Handler, Route

PATH = "/tts"


@dataclass(frozen=True, slots=True)
class SynthesisRequest:
    """The speech that a client requests, and the form of the response."""

    speech: TtsRequest
    events: EventFormat | None = None
    """The events in which the audio is sent; None to send it as it is."""
    ignored: tuple[str, ...] = ()
    """Fields of the request that have no effect; the header X-TTS-Ignored lists them."""
    form: Format | None = None
    """The format of the audio; None for the one that ``speech`` names, which gives no bit rate."""
    captions: Captions = captions.body
    """Returns the body of whole speech with word timestamps."""

    @property
    def format(self) -> Format:
        return self.form or self.speech.format


class Dialect(Protocol):
    """One API's form of a speech request."""

    @property
    def path(self) -> str:
        """The path of the requests."""
        ...

    @property
    def names(self) -> Mapping[str, str]:
        """The dialect's names for fields of POST /tts, where they differ."""
        ...

    async def read(self, request: web.Request, seconds: float) -> bytes:
        """Returns the body. Raises RequestTimeout after ``seconds``, and other SpeechErrors if it can't be read."""
        ...

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        """Returns the request. Raises a SpeechError that names the first invalid field."""
        ...

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        """Returns the dialect's routes, with ``handler`` as their handler."""
        ...


class TtsDialect:
    """POST /tts, the server's own dialect."""

    path = PATH
    names: Mapping[str, str] = {}

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        content = {
            **audio(FORMATS),
            JSON: {"schema": {"oneOf": [schemas.CAPTIONS, schemas.DRY_RUN]}},
            events.CONTENT_TYPE: {"schema": schemas.EVENT},
        }
        summary = (
            "Speak a text; with timestamps as JSON, or in server-sent events where it is streamed. With dry_run, say "
            "how long that would take."
        )
        operation = speaks(summary, json_body("TtsRequest"), content, VERIFICATION_HEADERS)
        return (Route("POST", PATH, handler, Scope.SPEAK, operation),)

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        speech = parse_tts(body)
        return SynthesisRequest(speech, events=events.OpenAiEvents() if speech.stream and speech.timestamps else None)
