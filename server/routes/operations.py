"""Builds the operations with which routes describe themselves in /openapi.json."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from server.audio.formats import BASIC, FORMATS, PCM
from server.errors import (
    MetricsDisabled,
    RangeNotSatisfiable,
    SpeechError,
    UnknownKey,
    UnknownModel,
    UnknownPath,
    UnknownPronunciation,
    UnknownRequest,
    UnknownTrace,
    all_errors,
    error_type,
)
from server.routes.requests import JSON
from server.routes.route import Operation
from server.routes.schemas import Schema

REFERENCE = "#/components/schemas/{model}"
FAILURE = "What went wrong."
HEADERS = {
    "X-Request-ID": "Id of the request: the one that you sent, if it was a UUID.",
    "X-Trace-ID": "Id of the request's trace.",
    "Server-Timing": "Duration of each stage so far, in milliseconds.",
    "X-TTS-Provider": "Provider that spoke.",
    "X-TTS-Cache": "Cache result: hit, miss, coalesced or bypass.",
    "X-TTS-Seed": "Seed that makes the same audio again, as the field seed; absent if the provider takes none.",
    "X-TTS-Word-Count-Range": "Word count range of the text, emotion tags and markup left out.",
    "X-TTS-Character-Count-Range": "Character count range of the text, emotion tags and markup left out.",
}
"""The headers of every speech response."""
IGNORED_HEADER = {"X-TTS-Ignored": "Fields of the request that were ignored."}
"""The header of responses in dialects with fields that ttscope ignores."""
VERIFICATION_HEADERS = {
    "X-TTS-Verification": "With verify: passed, corrected (made again), failed or unverified.",
    "X-TTS-Word-Error-Rate": "With verify: the word error rate of the clip that is sent; absent if it is unknown.",
}
"""The headers of responses to requests with the field verify."""
NOT_OF_SPEECH = {
    MetricsDisabled,
    RangeNotSatisfiable,
    UnknownKey,
    UnknownModel,
    UnknownPath,
    UnknownPronunciation,
    UnknownRequest,
    UnknownTrace,
}
"""Errors that no speech request can cause, or only a GET."""
RANGE_HEADERS = {"Accept-Ranges": "bytes", "ETag": "The same for the same audio, for If-Range."}
"""The headers of whole answers of which a client may request a range."""


def reads(summary: str, schema: Schema, *parameters: dict[str, Any]) -> Operation:
    """Returns the operation of a GET whose response is JSON of ``schema``."""
    return _reading(summary, {JSON: {"schema": schema}}, parameters)


def reads_text(summary: str, *content_types: str) -> Operation:
    """Returns the operation of a GET whose response is text of one of ``content_types``."""
    return _reading(summary, {kind: {"schema": {"type": "string"}} for kind in content_types}, ())


def _reading(summary: str, content: dict[str, Any], parameters: tuple[dict[str, Any], ...]) -> Operation:
    answers = {"200": {"description": summary, "content": content}, "default": error(FAILURE)}
    operation: Operation = {"summary": summary, "responses": answers}
    if parameters:
        operation["parameters"] = list(parameters)
    return operation


def speaks(
    summary: str,
    body: dict[str, Any] | None,
    content: dict[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Operation:
    """Returns the operation of a speech request; ``content`` and the additional ``headers`` are of the response."""
    answer_headers = string_headers({**HEADERS, **(headers or {})})
    errors: dict[int, list[type[SpeechError]]] = {}
    for cls in set(all_errors()) - NOT_OF_SPEECH:
        errors.setdefault(cls.status, []).append(cls)
    return {
        "summary": summary,
        **({"requestBody": body} if body is not None else {}),
        "responses": {
            "200": {"description": "Speech.", "headers": answer_headers, "content": content},
            **{
                str(status): error(", ".join(sorted(error_type(cls) for cls in classes)))
                for status, classes in sorted(errors.items())
            },
            "default": error(FAILURE),
        },
    }


def in_ranges(operation: Operation) -> Operation:
    """Returns the operation of a GET whose answer can be had in ranges."""
    whole = operation["responses"]["200"]
    headers = {**whole["headers"], **string_headers(RANGE_HEADERS)}
    content_range = string_headers({"Content-Range": "The range, and the length of all audio."})
    part = {
        **whole,
        "description": "The range that the header Range asks for.",
        "headers": {**headers, **content_range},
    }
    responses = {
        **operation["responses"],
        "200": {**whole, "headers": headers},
        "206": part,
        str(RangeNotSatisfiable.status): error(error_type(RangeNotSatisfiable)),
    }
    return {**operation, "responses": responses}


def string_headers(headers: Mapping[str, str]) -> dict[str, Any]:
    """Returns the headers of a response by their descriptions."""
    return {name: {"description": description, "schema": {"type": "string"}} for name, description in headers.items()}


def parameter(name: str, place: str, schema: dict[str, Any], *, required: bool = False) -> dict[str, Any]:
    """Returns a parameter object; its description is taken from ``schema``."""
    schema = dict(schema)
    return {"name": name, "in": place, "required": required, "description": schema.pop("description"), "schema": schema}


def identifier(description: str) -> dict[str, Any]:
    """Returns the path parameter ``id``."""
    return parameter("id", "path", {"type": "string", "description": description}, required=True)


def json_body(model: str) -> dict[str, Any]:
    """Returns a request body of JSON whose schema is the component ``model``."""
    return {"required": True, "content": {JSON: {"schema": {"$ref": REFERENCE.format(model=model)}}}}


def audio(formats: Iterable[str]) -> dict[str, Any]:
    """Returns the content of a response in any of the ``formats``."""
    kinds = {name: FORMATS[name].content_type for name in formats}
    if PCM.name in kinds:
        kinds[BASIC] = BASIC
    return {kind: {"schema": {"type": "string", "format": "binary"}} for kind in kinds.values()}


def error(description: str) -> dict[str, Any]:
    """Returns an error response."""
    return {"description": description, "content": {JSON: {"schema": {"$ref": REFERENCE.format(model="Error")}}}}
