"""The names of OpenTelemetry's semantic conventions: which are emitted beside ours, and which are not, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_STREAM = "gen_ai.request.stream"
OUTPUT_TYPE = "gen_ai.output.type"
ERROR_TYPE = "error.type"
SERVER_DURATION = "gen_ai.server.request.duration"

TEXT_TO_SPEECH = "text_to_speech"
"""The value of OPERATION_NAME. The released conventions list no operation for speech; their draft on voice agents has
this one."""
SPEECH = "speech"
"""The value of OUTPUT_TYPE, one of those that the conventions list."""
DURATION_BOUNDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The buckets that the conventions ask of SERVER_DURATION, in seconds."""

SERVICE = ("service.name", "service.instance.id", "service.version")
SDK = ("telemetry.sdk.name", "telemetry.sdk.language", "telemetry.sdk.version")
"""The attributes of the resource, which every signal has."""


class Stability(StrEnum):
    """How far the authors of a convention promise not to change it."""

    STABLE = "stable"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True)
class Document:
    """A document that defines conventions, in the version that we follow."""

    title: str
    schema_url: str


GENERAL = Document("general 1.44.0", "https://opentelemetry.io/schemas/1.44.0")
GEN_AI = Document("GenAI 1.42.0", "https://opentelemetry.io/schemas/gen-ai/1.42.0")


@dataclass(frozen=True, slots=True)
class Convention:
    """A name of the conventions that we emit."""

    name: str
    source: Document
    stability: Stability
    signals: str
    """Where it is emitted."""
    ours: tuple[str, ...] = ()
    """Our own names of the same fact, which are emitted too."""


@dataclass(frozen=True, slots=True)
class Omission:
    """A name of the conventions that we do not emit, and the reason."""

    name: str
    source: Document
    reason: str


def _gen_ai(name: str, signals: str, *ours: str) -> Convention:
    return Convention(name, GEN_AI, Stability.DEVELOPMENT, signals, ours)


def _stable(name: str, signals: str, *ours: str) -> Convention:
    return Convention(name, GENERAL, Stability.STABLE, signals, ours)


_REQUEST = "SERVER span, event"
_SPANS = "SERVER span, `attempt` span, event"
CONVENTIONS = (
    _gen_ai(OPERATION_NAME, f"{_SPANS}, metric"),
    _gen_ai(PROVIDER_NAME, f"{_SPANS}, metric", "tts.provider"),
    _gen_ai(REQUEST_MODEL, f"{_SPANS}, metric", "tts.voice_name"),
    _gen_ai(REQUEST_STREAM, _REQUEST, "tts.streamed"),
    _gen_ai(OUTPUT_TYPE, _SPANS),
    _stable(ERROR_TYPE, _SPANS, "tts.error_type", "tts.attempt_outcome"),
    _gen_ai(SERVER_DURATION, "metric", "tts.request.duration"),
    _stable("http.server.request.duration", "metric"),
    Convention("http.server.active_requests", GENERAL, Stability.DEVELOPMENT, "metric", ("tts.requests_in_flight",)),
    _stable("http.request.method", "SERVER span, metric", "tts.method"),
    _stable("http.response.status_code", "SERVER span, metric", "tts.status_code"),
    _stable("http.route", "SERVER span, metric", "tts.endpoint"),
    _stable("network.protocol.version", "SERVER span"),
    _stable("url.scheme", "SERVER span"),
    *(_stable(name, "resource") for name in (*SERVICE, *SDK)),
)
"""What we emit, in the order of the reference."""

OMISSIONS = (
    Omission("gen_ai.response.model", GEN_AI, f"it would always equal `{REQUEST_MODEL}`: fallbacks keep the voice"),
    Omission(
        "gen_ai.response.time_to_first_chunk",
        GEN_AI,
        "it is measured by the client, from when it sends its request; ours is `tts.time_to_first_audio`",
    ),
    Omission(
        "gen_ai.usage.input_tokens", GEN_AI, "speech has no tokens; ours are `tts.word_count` and `tts.char_count`"
    ),
    Omission("gen_ai.input.messages", GEN_AI, "it holds the text of a client, which no signal may"),
    Omission("gen_ai.output.messages", GEN_AI, "it holds what a client had spoken, which no signal may"),
    Omission(
        "gen_ai.client.operation.duration", GEN_AI, "it is the client's; ours for attempts is `tts.provider.duration`"
    ),
    Omission("gen_ai.server.time_to_first_token", GEN_AI, "speech has no tokens; ours is `tts.time_to_first_audio`"),
    Omission("server.address", GENERAL, "a client can choose it, by the header Host"),
    Omission("server.port", GENERAL, "it goes with `server.address`"),
    Omission("client.address", GENERAL, "it is the address of a user, which no signal may hold"),
    Omission("url.path", GENERAL, "a client can write anything into it; `http.route` has the path of the route"),
    Omission("user_agent.original", GENERAL, "a client can write anything into it"),
)
"""What a reader of the conventions may miss, and why it is not there."""

BY_NAME: Mapping[str, Convention] = {convention.name: convention for convention in CONVENTIONS}
