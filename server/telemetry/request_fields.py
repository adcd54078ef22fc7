"""The fields of a finished request: the attributes of its SERVER span and its event, and those of its attempts' spans.

None of them contains a text of the client.
"""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

from otel.contract import conventions
from otel.contract.event_fields import RequestField, SpanField, stage_field
from otel.contract.labels import METHOD, OTHER
from otel.contract.values import AttemptOutcome, Outcome
from server.record import AttemptRecord, RequestRecord

FAILED = (AttemptOutcome.ERROR, AttemptOutcome.TIMEOUT, AttemptOutcome.FAULTY)
FAILING_STATUS = 500
"""The lowest HTTP status at which the span of a server has the status error."""


def request_fields(record: RequestRecord, build: str) -> dict[str, AttributeValue]:
    """Returns the fields of a finished request's SERVER span and event; ``build`` names this build of the server."""
    interrupted = record.interrupted if record.outcome is Outcome.CANCELLED else None
    fields: dict[str, AttributeValue | None] = {
        RequestField.OPERATION: conventions.TEXT_TO_SPEECH,
        RequestField.GEN_AI_OUTPUT: conventions.SPEECH,
        RequestField.GEN_AI_PROVIDER: record.provider or None,
        RequestField.GEN_AI_STREAM: record.streamed,
        RequestField.CONVENTIONAL_ERROR: record.error.error_type if record.error and _fails(record) else None,
        RequestField.REQUEST_ID: record.request_id or None,
        RequestField.ENDPOINT: record.endpoint,
        RequestField.METHOD: method(record),
        RequestField.STATUS_CODE: record.status,
        RequestField.OUTCOME: str(record.outcome),
        RequestField.ERROR_TYPE: record.error.error_type if record.error else None,
        RequestField.CANCELLATION: record.cancellation and str(record.cancellation),
        RequestField.STREAMED: record.streamed,
        RequestField.DURATION: record.duration,
        RequestField.TIME_TO_FIRST_AUDIO: record.time_to_first_audio,
        RequestField.REAL_TIME_FACTOR: record.real_time_factor,
        RequestField.STREAM_UNDERRUN: record.underrun / 1e9 if record.streamed else None,
        RequestField.AUDIO_DURATION: record.audio_seconds,
        RequestField.AUDIO_SENT: None if interrupted is None else interrupted.sent,
        RequestField.AUDIO_PLAYED: None if interrupted is None else interrupted.played,
        RequestField.CHUNKS: record.chunks,
        RequestField.PROVIDER: record.provider or None,
        RequestField.CACHE: record.cache and str(record.cache),
        RequestField.CLIENT: record.caller.name,
        RequestField.TENANT: record.caller.tenant,
        RequestField.BUILD: build,
    }
    if record.utterance is not None:
        fields |= {
            RequestField.VOICE_NAME: record.utterance.voice.label,
            RequestField.GEN_AI_MODEL: record.utterance.voice.label,
            RequestField.VOICE_CHECKSUM: None if record.utterance.voice.registered else record.utterance.voice.checksum,
            RequestField.LANGUAGE: record.utterance.main_language,
            RequestField.WORD_COUNT: record.utterance.words,
            RequestField.WORD_COUNT_RANGE: record.word_count_range,
            RequestField.CHAR_COUNT: record.utterance.characters,
            RequestField.CHAR_COUNT_RANGE: record.char_count_range,
            RequestField.SPEED: record.utterance.speed,
        }
    fields |= _synthesis_fields(record)
    fields |= _prediction_fields(record)
    fields |= {stage_field(stage): seconds for stage, seconds in record.stage_seconds().items()}
    return {name: value for name, value in fields.items() if value is not None}


def attempt_fields(record: RequestRecord, attempt: AttemptRecord) -> dict[str, AttributeValue]:
    """Returns the attributes of an attempt's span."""
    attributes: dict[str, AttributeValue] = {
        SpanField.PROVIDER: attempt.provider,
        SpanField.ATTEMPT_OUTCOME: attempt.outcome,
        SpanField.OPERATION: conventions.TEXT_TO_SPEECH,
        SpanField.GEN_AI_OUTPUT: conventions.SPEECH,
        SpanField.GEN_AI_PROVIDER: attempt.provider,
    }
    if record.utterance is not None:
        attributes[SpanField.GEN_AI_MODEL] = record.utterance.voice.label
    if attempt.outcome in FAILED:
        attributes[SpanField.CONVENTIONAL_ERROR] = attempt.outcome
    return attributes


def method(record: RequestRecord) -> str:
    """Returns the HTTP method, or ``other`` for one that is not on the allow-list."""
    return record.method if record.method in METHOD.values else OTHER


def _synthesis_fields(record: RequestRecord) -> dict[str, AttributeValue | None]:
    """Returns the fallback, verification and quality fields; empty for audio that was not made for this request."""
    if record.source is None or not record.synthesized:
        return {}
    fields: dict[str, AttributeValue | None] = {
        RequestField.VERIFICATION: record.source.verification and str(record.source.verification),
        RequestField.WORD_ERROR_RATE: record.source.word_error_rate,
    }
    if record.source.fallback is not None:
        failed, reason = record.source.fallback
        fields |= {RequestField.FALLBACK_FROM: failed, RequestField.FALLBACK_REASON: str(reason)}
    quality = record.source.quality
    if quality is not None:
        fields |= {
            RequestField.LOUDNESS: quality.loudness,
            RequestField.SILENCE_SHARE: quality.silence_share,
            RequestField.CLIPPING_SHARE: quality.clipping_share,
            RequestField.SECONDS_PER_CHARACTER: quality.seconds_per_character,
            RequestField.AUDIO_FAULTS: ",".join(quality.faults) or None,
        }
    return fields


def _prediction_fields(record: RequestRecord) -> dict[str, AttributeValue | None]:
    """Returns the features and the prediction of a request; empty for audio that was not made for this request."""
    synthesis = record.synthesis
    if synthesis is None:
        return {}
    fields: dict[str, AttributeValue | None] = {RequestField.RESPONSE_FORMAT: synthesis.response_format or None}
    prediction = synthesis.prediction
    if prediction is None or not record.synthesized:
        return fields
    features = prediction.features
    return fields | {
        RequestField.PHONEME_ESTIMATE: features.phonemes,
        RequestField.AUDIO_AHEAD: features.audio_ahead,
        RequestField.REQUESTS_AHEAD: features.requests_ahead,
        RequestField.THROUGHPUT: features.throughput,
        RequestField.DEVICE: features.device,
        RequestField.PREDICTOR: str(prediction.predictor),
        RequestField.PREDICTED_DURATION: prediction.duration.p50,
        RequestField.PREDICTED_DURATION_P95: prediction.duration.p95,
        RequestField.PREDICTED_FIRST_AUDIO: prediction.first_audio.p50,
    }


def _fails(record: RequestRecord) -> bool:
    """Whether the status of the SERVER span is error, by the conventions for HTTP servers."""
    return record.outcome is Outcome.ERROR or record.status >= FAILING_STATUS
