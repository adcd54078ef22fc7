"""The fields of a row, and the event attribute of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "integer", "number", "flag"]

FORMAT = 1
"""The version of rows: raise it when a field changes its meaning, but not for a new field, which older rows lack."""
TIME = "time"
"""The field that is not an attribute: the time of the event from its record, in UTC."""
REQUEST_ID = "request_id"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a row; null where the event does not have the attribute."""

    name: str
    feature: str
    """The event's attribute, of otel.contract.event_fields."""
    type: Type


FIELDS: tuple[Field, ...] = (
    Field(REQUEST_ID, "tts.request_id", "text"),
    Field("endpoint", "tts.endpoint", "text"),
    Field("status", "tts.status_code", "integer"),
    Field("outcome", "tts.outcome", "text"),
    Field("error_type", "tts.error_type", "text"),
    Field("voice", "tts.voice_name", "text"),
    Field("voice_checksum", "tts.voice_checksum", "text"),
    Field("language", "tts.language", "text"),
    Field("speed", "tts.speed", "number"),
    Field("words", "tts.word_count", "integer"),
    Field("characters", "tts.char_count", "integer"),
    Field("word_range", "tts.word_count_range", "text"),
    Field("character_range", "tts.char_count_range", "text"),
    Field("streamed", "tts.streamed", "flag"),
    Field("duration", "tts.duration", "number"),
    Field("time_to_first_audio", "tts.time_to_first_audio", "number"),
    Field("real_time_factor", "tts.real_time_factor", "number"),
    Field("stream_underrun", "tts.stream_underrun", "number"),
    Field("audio_duration", "tts.audio_duration", "number"),
    Field("provider", "tts.provider", "text"),
    Field("fallback_from", "tts.fallback_from", "text"),
    Field("cache", "tts.cache", "text"),
    Field("loudness", "tts.loudness", "number"),
    Field("silence_share", "tts.silence_share", "number"),
    Field("clipping_share", "tts.clipping_share", "number"),
    Field("seconds_per_character", "tts.seconds_per_character", "number"),
    Field("audio_faults", "tts.audio_faults", "text"),
    Field("word_error_rate", "tts.word_error_rate", "number"),
    Field("build", "tts.build", "text"),
    Field("slow_reason", "tts.slow_reason", "text"),
    Field("queue_wait", "tts.stage.queue", "number"),
    Field("infer", "tts.stage.infer", "number"),
    Field("phonemes", "tts.phoneme_estimate", "integer"),
    Field("response_format", "tts.response_format", "text"),
    Field("audio_ahead", "tts.audio_ahead", "number"),
    Field("requests_ahead", "tts.requests_ahead", "integer"),
    Field("throughput", "tts.throughput", "number"),
    Field("device", "tts.device", "text"),
    Field("predictor", "tts.predictor", "text"),
    Field("predicted_duration", "tts.predicted_duration", "number"),
    Field("predicted_duration_p95", "tts.predicted_duration_p95", "number"),
    Field("client", "tts.client", "text"),
    Field("tenant", "tts.tenant", "text"),
    Field("cpu_seconds", "tts.cpu_seconds", "number"),
    Field("gpu_seconds", "tts.gpu_seconds", "number"),
    Field("energy", "tts.energy", "number"),
    Field("cost", "tts.cost", "number"),
    Field("charge", "tts.charge", "number"),
    Field("cost_saved", "tts.cost_saved", "number"),
    Field("currency", "tts.currency", "text"),
)
