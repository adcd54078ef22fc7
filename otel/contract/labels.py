"""The attributes of the telemetry contract: what labels say, and the only values that they take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from otel.contract.ranges import CHARACTERS, WORDS

OTHER = "other"
"""The value of an attribute whose real value is not on its allow-list."""


class Source(StrEnum):
    """Allow-lists that are known only when the server has started."""

    VOICES = "the names of the installed voices"
    PROVIDERS = "the names of the providers"
    GPUS = "the numbers of the machine's GPUs"
    LANGUAGES = "the languages of the installed voices"
    ENDPOINTS = "the paths that speak"
    ERRORS = "the error types of the reference"


class LossReason(StrEnum):
    """Why an event is not in its file; the values of the label of tts_events_lost_total."""

    DISK_FULL = "disk_full"
    FILE_SIZE = "file_size"
    FILE_HANDLES = "file_handles"
    IO_ERROR = "io_error"
    QUEUE_FULL = "queue_full"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A label: its name, what it says, and the only values it takes beside ``other``."""

    name: str
    help: str
    values: tuple[str, ...] | Source


SLOW_REASON = Attribute(
    "reason",
    "queue: it waited for others; cold_model: the voice's first request; padding: it shared batches with longer "
    "requests; fallback: a provider failed before another one spoke; long_text: much more speech than is usual in its "
    "range; encode: making the file; slow_client: the client took longer to take the audio than to play it; other: the "
    "work itself took longer",
    ("queue", "cold_model", "padding", "fallback", "long_text", "encode", "slow_client", "other"),
)
CONNECTION_STATE = Attribute(
    "state", "busy: it has a request, which is being received, made or answered; idle: it has none", ("idle", "busy")
)
EARLY_END = Attribute(
    "reason",
    "full: all others had a request, and it was answered 503; displaced: it had none, and gave its place to another; "
    "timeout: its request did not come in time",
    ("full", "displaced", "timeout"),
)
ENDPOINT = Attribute("endpoint", "the path of the call", Source.ENDPOINTS)
METHOD = Attribute("method", "the HTTP method", ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
STATUS_CODE = Attribute(
    "status_code",
    "the HTTP status; 499 when the client left before there was one",
    (
        "200",
        "400",
        "401",
        "403",
        "404",
        "405",
        "408",
        "413",
        "415",
        "421",
        "422",
        "429",
        "431",
        "499",
        "500",
        "503",
        "504",
    ),
)
VOICE_NAME = Attribute("voice_name", "the voice", Source.VOICES)
LANGUAGE = Attribute("language", "the language as a BCP 47 code", Source.LANGUAGES)
OUTCOME = Attribute(
    "outcome",
    "ok: all audio was handed to the client; error: accepted, then failed; cancelled: the client left or stopped "
    "reading; rejected: refused before any synthesis",
    ("ok", "error", "cancelled", "rejected"),
)
ERROR_TYPE = Attribute("error_type", "the error class in lower_snake", Source.ERRORS)
SIDE = Attribute("side", "whose mistake it was", ("client", "server"))
WORD_COUNT_RANGE = Attribute("word_count_range", "words of the text without emotion tags", WORDS.labels)
CHAR_COUNT_RANGE = Attribute("char_count_range", "characters of the text without emotion tags", CHARACTERS.labels)
CACHE = Attribute(
    "cache", "hit: the audio was there; miss: it had to be made, or waited for while it was", ("hit", "miss")
)
CACHE_RESULT = Attribute(
    "result",
    "hit: the audio was there; miss: it was made; coalesced: it was being made for an equal request; bypass: it was "
    "made for this request alone, by its wish, or as it was too long to be kept, or as there is no cache",
    ("hit", "miss", "coalesced", "bypass"),
)
PROVIDER = Attribute("provider", "who was asked to speak", Source.PROVIDERS)
FROM = Attribute("from", "the provider that was to speak", Source.PROVIDERS)
TO = Attribute("to", "the provider that was asked instead", Source.PROVIDERS)
ATTEMPT_OUTCOME = Attribute(
    "outcome",
    "ok: it spoke; error: it failed; timeout: it was too slow; faulty: its audio was silent or far too short; "
    "rejected: the text can't be spoken; cancelled: nobody waited any more",
    ("ok", "error", "timeout", "faulty", "rejected", "cancelled"),
)
FALLBACK_REASON = Attribute(
    "reason",
    "error, timeout, faulty: how its attempt ended; unavailable: it was not asked, since it had failed of late",
    ("error", "timeout", "faulty", "unavailable"),
)
DEGRADED_KIND = Attribute(
    "kind",
    "latency: over 1.5 times the reference at equal length; success_rate: under 95 %; unavailable: it can't be asked",
    ("latency", "success_rate", "unavailable"),
)
FAULT = Attribute(
    "fault",
    "silent: there is nothing to hear; clipped: much of it is at full scale; truncated: far too short for its text, or "
    "its end is cut; too_long: far too long for its text",
    ("silent", "clipped", "truncated", "too_long"),
)
MODEL = Attribute("model", "the model, by the name of its voice", Source.VOICES)
STAGE = Attribute(
    "stage",
    "the part of the request's way",
    ("normalize", "queue", "phonemize", "infer", "decode", "encode", "send"),
)
GPU = Attribute("gpu", "the GPU's number, as the driver counts them", Source.GPUS)
TASK = Attribute(
    "task",
    "what the server does beside its requests. system: samples memory and CPU; gpu: samples the GPUs; watch: looks for "
    "degraded providers; probes: checks providers",
    ("system", "gpu", "watch", "probes"),
)
WORKER = Attribute(
    "worker",
    "the kind of worker process. engine: makes speech with the local models; phonemes: reads text; encoding: makes "
    "audio files; decoding: reads uploaded audio",
    ("engine", "phonemes", "encoding", "decoding"),
)
CLIENT = Attribute("client", "the name of the caller's key; anonymous without keys", ("anonymous",))
LOSS_REASON = Attribute(
    "reason",
    "disk_full: no room, or no quota; file_size: over the process' limit; file_handles: none was free; io_error: the "
    "disk failed otherwise; queue_full: more came than could be written",
    tuple(LossReason),
)
DRIFT_COLUMN = Attribute(
    "column",
    "what the drift job judges; drift/README.md says what each is",
    (
        "words",
        "voice",
        "language",
        "endpoint",
        "streamed",
        "speed",
        "cache",
        "invalid_requests",
        "latency",
        "time_to_first_audio",
        "real_time_factor",
        "queue_wait",
        "errors",
        "rejections",
        "fallbacks",
        "provider",
        "seconds_per_character",
        "loudness",
        "silence_share",
        "clipping_share",
        "audio_faults",
    ),
)
