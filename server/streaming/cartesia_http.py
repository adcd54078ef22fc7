"""Cartesia's calls for speech over HTTP: ``POST /tts/bytes``, and ``POST /tts/sse`` for events with word times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import Field
from pydantic_core import from_json

from server.access.caller import Scope
from server.errors import InvalidJson
from server.routes.dialect import SynthesisRequest
from server.routes.requests import read_json
from server.routes.route import Handler, Route
from server.streaming.cartesia_events import CartesiaEvents, refusal
from server.streaming.cartesia_fields import IGNORED, PREFIXES, CartesiaSpeech, EventfulSpeech, read_speech
from server.streaming.streaming_session import MOST_NAME_CHARACTERS


class _EventRequest(EventfulSpeech):
    context_id: str | None = Field(None, max_length=MOST_NAME_CHARACTERS)


class CartesiaDialect:
    """See server.routes.dialect.Dialect."""

    names: Mapping[str, str] = {}
    """Cartesia's errors have no field for the name of a field."""

    def __init__(self, path: str, *, events: bool) -> None:
        """``events`` is whether the audio is sent in server-sent events."""
        self.path = path
        self._events = events

    def routes(self, handler: Handler) -> tuple[Route, ...]:
        return (Route("POST", self.path, handler, Scope.SPEAK, None, error_format=refusal),)

    async def read(self, request: web.Request, seconds: float) -> bytes:
        return await read_json(request, seconds)

    def parse(self, request: web.Request, body: bytes) -> SynthesisRequest:
        values = _members(body)
        if self._events:
            speech = read_speech(_EventRequest, values)
            return _synthesis_request(speech, values, CartesiaEvents(speech.context_id))
        return _synthesis_request(read_speech(CartesiaSpeech, values), values)


DIALECTS = tuple(
    CartesiaDialect(f"{prefix}/tts/{name}", events=name == "sse") for prefix in PREFIXES for name in ("bytes", "sse")
)


def _members(body: bytes) -> dict[str, Any]:
    """Returns the members of a JSON object. Raises InvalidJson."""
    try:
        values = from_json(body)
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise InvalidJson("the body must be a JSON object in UTF-8")
    return values


def _synthesis_request(
    speech: CartesiaSpeech, values: Mapping[str, Any], events: CartesiaEvents | None = None
) -> SynthesisRequest:
    """Returns the request of a call with these members."""
    ignored = (*sorted(IGNORED & values.keys()), *speech.ignored())
    return SynthesisRequest(speech.as_tts(), events=events, ignored=ignored, form=speech.output_format.mp3())
