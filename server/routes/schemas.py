"""JSON Schemas of the answers, for /openapi.json; schemathesis holds the answers to them."""

from __future__ import annotations

from typing import Any

from server.errors import all_errors, error_type

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}


def each(**properties: Schema) -> Schema:
    """An object that has all of these."""
    return {"type": "object", "required": list(properties), "properties": properties}


def several(schema: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": schema}


def maybe(kind: str) -> Schema:
    """Or null."""
    return {"type": [kind, "null"]}


ERROR = each(
    error=each(
        message=TEXT,
        type={"type": "string", "enum": sorted({cls.kind for cls in all_errors()})},
        param={"type": ["string", "null"], "description": "The field that is wrong."},
        code={"type": "string", "enum": [error_type(cls) for cls in all_errors()]},
    )
)
VOICES = each(
    voices=several(each(id=TEXT, name=TEXT, languages=several(TEXT), sample_rate=WHOLE, aliases=several(TEXT)))
)
REGISTERED = each(id=TEXT, languages=several(TEXT), seconds=NUMBER)
MODEL = each(id=TEXT, object={"const": "model"}, created=WHOLE, owned_by=TEXT)
MODELS = each(object={"const": "list"}, data=several(MODEL))
AUDIO_MODELS = each(models=several(each(id=TEXT, name=TEXT)))
STATUS = each(status=TEXT)
DURATIONS: Schema = {
    "type": "object",
    "additionalProperties": each(
        count=WHOLE,
        avg=maybe("number"),
        min=maybe("number"),
        max=maybe("number"),
        p95=maybe("number"),
        p99=maybe("number"),
    ),
}
SUMMARY = each(
    total_requests=WHOLE,
    successful_requests=WHOLE,
    failed_requests=WHOLE,
    rejected_requests=WHOLE,
    cancelled_requests=WHOLE,
    requests_in_flight=WHOLE,
    requests_per_minute=NUMBER,
    average_duration_seconds=maybe("number"),
    active_voices=WHOLE,
    model_load_time_seconds={"type": "object", "additionalProperties": NUMBER},
    last_request_at=maybe("string"),
    uptime_seconds=NUMBER,
    top_voices=several(each(voice_name=TEXT, requests=WHOLE)),
    top_languages=several(each(language=TEXT, requests=WHOLE)),
    errors_by_type={"type": "object", "additionalProperties": WHOLE},
    by_word_count_range=DURATIONS,
    by_character_count_range=DURATIONS,
    cache={"type": "object"},
    providers={"type": "object"},
    degraded=several({"type": "object"}),
)
_KEPT = each(
    trace_id=TEXT,
    request_id=maybe("string"),
    endpoint=maybe("string"),
    voice_name=maybe("string"),
    word_count_range=maybe("string"),
    duration_seconds=NUMBER,
    outcome=maybe("string"),
    error_type=maybe("string"),
    started_at=NUMBER,
)
TRACES = each(last=several(_KEPT), slowest=several(_KEPT))
TRACE = each(trace_id=TEXT, spans=several(each(span_id=TEXT, parent_span_id=maybe("string"), name=TEXT, kind=TEXT)))

_AUDIO: Schema = {"type": "string", "contentEncoding": "base64"}
_TIMESTAMPS = several(each(word=TEXT, start_time=NUMBER, end_time=NUMBER))
CAPTIONS = each(audio=_AUDIO, audio_format=TEXT, timestamps=_TIMESTAMPS)
"""Speech, and when each of its words is heard."""
_DELTA = each(type={"const": "speech.audio.delta"}, audio=_AUDIO)
_EVENTS = [
    {**_DELTA, "properties": {**_DELTA["properties"], "timestamps": _TIMESTAMPS}},
    each(type={"const": "speech.audio.done"}, usage=each(input_tokens=WHOLE, output_tokens=WHOLE, total_tokens=WHOLE)),
    each(type={"const": "speech.audio.error"}, error=ERROR["properties"]["error"]),
]
EVENT = each(data={"type": "string", "contentMediaType": "application/json", "contentSchema": {"oneOf": _EVENTS}})
"""One of a stream of server-sent events."""
