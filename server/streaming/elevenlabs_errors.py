"""Errors as ElevenLabs' clients parse them."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiohttp import web

from server.errors import SpeechError
from server.streaming.conversation import Message, encode

NAMES = {"voice_name": "voice_id", "language": "language_code", "response_format": "output_format"}
"""ElevenLabs' names of fields, by those of POST /tts."""
PLACES = {"voice_id": "path", "output_format": "query"}
"""Where a field always is."""
INVALID = 422
"""The status whose ``detail`` is a list, with the place of each problem."""
POLICY_VIOLATION = 1008
"""The code of errors in messages."""


def error_response(error: SpeechError, place: str = "body") -> web.Response:
    """Returns the response to an error. ``place`` is where a field is unless PLACES says otherwise."""
    detail: Any = {"status": error.error_type, "message": error.message}
    if error.status == INVALID:
        field = error.param or ""
        location = [PLACES.get(field, place), *filter(None, field.split("."))]
        detail = [{"loc": location, "msg": error.message, "type": error.error_type}]
    text = encode({"detail": detail})
    return web.Response(status=error.status, text=text, content_type="application/json", headers=error.headers)


query_error_response = partial(error_response, place="query")
"""Returns the response to an error of a request without a body."""


def error_message(error: SpeechError) -> Message:
    """Returns the message about an error."""
    return {"message": error.message, "error": error.error_type, "code": POLICY_VIOLATION}
