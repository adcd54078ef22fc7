"""JSON Schemas of responses, for /openapi.json; schemathesis checks the responses against them."""

from __future__ import annotations

from typing import Any

from otel.contract.values import Predictor
from server.errors import all_errors, error_type

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}


def each(**properties: Schema) -> Schema:
    """Returns the schema of an object that has all ``properties``."""
    return {"type": "object", "required": list(properties), "properties": properties}


def several(schema: Schema) -> Schema:
    """Returns the schema of a list."""
    return {"type": "array", "items": schema}


def maybe(kind: str) -> Schema:
    """Returns the schema of a value that may be null."""
    return {"type": [kind, "null"]}


ERROR = each(
    error=each(
        message=TEXT,
        type={"type": "string", "enum": sorted({cls.kind for cls in all_errors()})},
        param={"type": ["string", "null"], "description": "The field that is wrong."},
        code={"type": "string", "enum": [error_type(cls) for cls in all_errors()]},
    )
)
_AUDIO: Schema = {"type": "string", "contentEncoding": "base64"}
_TIMESTAMPS = several(each(word=TEXT, start_time=NUMBER, end_time=NUMBER))
CAPTIONS = each(audio=_AUDIO, audio_format=TEXT, timestamps=_TIMESTAMPS)
"""Speech with the timestamps of its words."""
QUANTILES = each(p50=NUMBER, p95=NUMBER)
DRY_RUN = each(
    admitted={"type": "boolean"},
    refusal={"type": ["string", "null"], "description": "The code of the error that the request would get."},
    retry_after=maybe("integer"),
    duration_seconds=QUANTILES,
    first_audio_seconds=QUANTILES,
    audio_seconds=NUMBER,
    cost={
        "type": ["number", "null"],
        "description": "What audio_seconds of the voice have cost so far; null if it is not known.",
    },
    currency=maybe("string"),
    predictor={"type": "string", "enum": list(Predictor)},
    voice_name=TEXT,
    language=TEXT,
    words=WHOLE,
    word_count_range=TEXT,
    characters=WHOLE,
    character_count_range=TEXT,
)
"""What a dry run answers."""
_DELTA = each(type={"const": "speech.audio.delta"}, audio=_AUDIO)
_EVENTS = [
    {**_DELTA, "properties": {**_DELTA["properties"], "timestamps": _TIMESTAMPS}},
    each(type={"const": "speech.audio.done"}, usage=each(input_tokens=WHOLE, output_tokens=WHOLE, total_tokens=WHOLE)),
    each(type={"const": "speech.audio.error"}, error=ERROR["properties"]["error"]),
]
EVENT = each(data={"type": "string", "contentMediaType": "application/json", "contentSchema": {"oneOf": _EVENTS}})
"""One server-sent event of a stream."""
