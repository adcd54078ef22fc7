"""What is reported of a single request: the attributes of its SERVER span and of its event tts.request."""

from __future__ import annotations

from dataclasses import dataclass

from otel.contract.labels import STAGE

STAGE_ATTRIBUTE = "tts.stage"
"""On each stage's span: which stage it is."""
BATCH_SIZE_ATTRIBUTE = "tts.batch_size"
"""On the span of a step that was taken for several requests: how many; its links lead to theirs."""
BATCH_PADDING_ATTRIBUTE = "tts.batch_padding"
"""On the same span: the share of the batch that is padding."""

BUILD_ATTRIBUTE = "tts.build"
"""On the resource too: Prometheus' target_info tells builds of one version apart."""
PROVIDER_ATTRIBUTE = "tts.provider"
"""On the span of a provider's attempt too: who was asked."""
ATTEMPT_OUTCOME_ATTRIBUTE = "tts.attempt_outcome"
"""On the same span: how it ended."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A fact of a request; never its text, its key or its address."""

    name: str
    help: str


FEATURES: tuple[Feature, ...] = (
    Feature("gen_ai.operation.name", "text_to_speech, by the semantic conventions for generative AI"),
    Feature("tts.request_id", "the X-Request-ID of the answer"),
    Feature("tts.endpoint", "the path of the call"),
    Feature("tts.method", "the HTTP method"),
    Feature("tts.status_code", "the HTTP status; 499 when the client left before there was one"),
    Feature("tts.outcome", "ok, error, cancelled or rejected"),
    Feature("tts.error_type", "the error class in lower_snake; absent without an error"),
    Feature("tts.voice_name", "the voice; this and what depends on it is absent of requests that named none we have"),
    Feature("tts.voice_checksum", "SHA-256 over the voice's model and configuration"),
    Feature("tts.language", "the language as a BCP 47 code"),
    Feature("tts.speed", "the pace asked for; 1 is the voice's own"),
    Feature("tts.word_count", "words without emotion tags"),
    Feature("tts.word_count_range", "the range of that"),
    Feature("tts.char_count", "characters without emotion tags"),
    Feature("tts.char_count_range", "the range of that"),
    Feature("tts.streamed", "whether audio was sent as it came"),
    Feature("tts.duration", "seconds, as in tts_request_duration_seconds"),
    Feature(
        "tts.usual_duration", "seconds: the median of the recent requests of its word range, once there are enough"
    ),
    Feature("tts.slow_reason", "as in tts_slow_requests_total; absent unless it was slow"),
    Feature("tts.time_to_first_audio", "seconds, as in tts_time_to_first_audio_seconds"),
    Feature("tts.real_time_factor", "as in tts_real_time_factor"),
    Feature("tts.stream_underrun", "seconds, as in tts_stream_underrun_seconds; absent unless streamed"),
    Feature("tts.audio_duration", "seconds of audio"),
    Feature("tts.chunks", "chunks of audio that the provider made"),
    Feature(PROVIDER_ATTRIBUTE, "who spoke; absent if nobody did"),
    Feature("tts.fallback_from", "who was to speak and did not; absent unless somebody else was asked"),
    Feature("tts.fallback_reason", "why, as in tts_provider_fallbacks_total"),
    Feature("tts.cache", "as in tts_cache_requests_total; absent if it came to no synthesis"),
    Feature("tts.loudness", "dB of full scale: root mean square of what sounds; this and the next four of a clip made"),
    Feature("tts.silence_share", "the share of the clip that is quiet, 0 to 1"),
    Feature("tts.clipping_share", "the share of its samples that are at full scale, 0 to 1"),
    Feature("tts.seconds_per_character", "of the audio, without respect to the pace asked for"),
    Feature("tts.audio_faults", "as in tts_audio_faults_total, separated by commas; absent without any"),
    Feature("tts.client", "the name of the caller's key; anonymous without keys"),
    Feature(BUILD_ATTRIBUTE, "what distinguishes this build of the server"),
    *(Feature(f"tts.stage.{stage}", f"seconds in the stage {stage}, all sentences together") for stage in STAGE.values),
)

FEATURE_NAMES = frozenset(feature.name for feature in FEATURES)

DRIFT_FEATURES: tuple[Feature, ...] = (
    Feature("tts.drift.window", "the window's name: the time it begins, UTC; twice the same name is twice the same"),
    Feature("tts.drift.window_start", "when it begins, ISO 8601"),
    Feature("tts.drift.window_end", "when it ends, not included"),
    Feature("tts.drift.state", "what was decided: stable, suspected, drift, or why nothing could be decided"),
    Feature("tts.drift.columns", "the columns that have drifted, separated by commas; absent without any"),
    Feature("tts.drift.rows", "the requests in the window"),
    Feature("tts.drift.text", "the verdict in words"),
)
"""Of the event that the drift job sends of every window it has judged."""
