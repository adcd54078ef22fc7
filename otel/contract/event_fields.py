"""What is reported of a single request and of a window of the drift job: the fields of events and spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from otel.contract import conventions
from otel.contract.values import Described, Stage

ValueType = Literal["string", "int", "double", "boolean"]

REQUEST_EVENT = "tts.request"
"""The event of a call for audio, one for each, whatever its outcome."""
MACHINE_EVENT = "tts.machine"
"""The event of a minute of a server's machine time."""
DRIFT_EVENT = "tts.drift"
"""The event of a window that the drift job has judged."""
CHANGE_EVENT = "tts.change"
"""The event of a change that began or ended, and of a verdict on a build."""


class Field(Described):
    """A field of an event or an attribute of a span, and the type of its value."""

    type: ValueType

    def __new__(cls, value: str, meaning: str = "", type: ValueType = "string") -> Self:  # noqa: A002 - the field's name
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning, member.type = meaning, type
        return member


class RequestField(Field):
    """A field of the event tts.request and an attribute of the SERVER span; never a text, a key or an address."""

    OPERATION = conventions.OPERATION_NAME, "always text_to_speech"
    GEN_AI_PROVIDER = conventions.PROVIDER_NAME, "as tts.provider"
    GEN_AI_MODEL = conventions.REQUEST_MODEL, "as tts.voice_name"
    GEN_AI_STREAM = conventions.REQUEST_STREAM, "as tts.streamed", "boolean"
    GEN_AI_OUTPUT = conventions.OUTPUT_TYPE, "always speech"
    CONVENTIONAL_ERROR = (
        conventions.ERROR_TYPE,
        "as tts.error_type, where the span's status is error: the request failed, or its status is 500 or above",
    )
    REQUEST_ID = "tts.request_id", "the X-Request-ID of the answer"
    ENDPOINT = "tts.endpoint", "the path of the call"
    METHOD = "tts.method", "the HTTP method"
    STATUS_CODE = "tts.status_code", "the HTTP status; 499 when the client left before there was one", "int"
    OUTCOME = "tts.outcome", "ok, error, cancelled or rejected"
    ERROR_TYPE = "tts.error_type", "the error class in lower_snake; absent without an error"
    CANCELLATION = "tts.cancellation", "why the request was cancelled, as in tts_cancellations_total; else absent"
    VOICE_NAME = (
        "tts.voice_name",
        "the voice; this field and those that depend on the voice are absent when the request named none that is "
        "installed",
    )
    VOICE_CHECKSUM = "tts.voice_checksum", "SHA-256 over the voice's model and configuration"
    LANGUAGE = "tts.language", "the language of most of the text as a BCP 47 code"
    SPEED = "tts.speed", "the requested pace; 1 is the voice's own", "double"
    WORD_COUNT = "tts.word_count", "words that are spoken, as written: without emotion tags and markup", "int"
    WORD_COUNT_RANGE = "tts.word_count_range", "the range of the number of words"
    CHAR_COUNT = (
        "tts.char_count",
        "characters of the text that is spoken, as written: without emotion tags and markup",
        "int",
    )
    CHAR_COUNT_RANGE = "tts.char_count_range", "the range of the number of characters"
    PHONEME_ESTIMATE = "tts.phoneme_estimate", "phonemes of the text, estimated from its letters and digits", "int"
    RESPONSE_FORMAT = "tts.response_format", "the audio format of the answer"
    STREAMED = "tts.streamed", "whether audio was sent while it was made", "boolean"
    DURATION = "tts.duration", "seconds, as in tts_request_duration_seconds", "double"
    USUAL_DURATION = (
        "tts.usual_duration",
        "seconds: the median of the recent requests of the same word range; absent until there are enough of them",
        "double",
    )
    SLOW_REASON = "tts.slow_reason", "as in tts_slow_requests_total; absent unless the request was slow"
    TIME_TO_FIRST_AUDIO = "tts.time_to_first_audio", "seconds, as in tts_time_to_first_audio_seconds", "double"
    REAL_TIME_FACTOR = "tts.real_time_factor", "as in tts_real_time_factor", "double"
    STREAM_UNDERRUN = (
        "tts.stream_underrun",
        "seconds, the sum of all gaps, as in tts_stream_underrun_seconds; absent unless streamed",
        "double",
    )
    AUDIO_DURATION = "tts.audio_duration", "seconds of audio", "double"
    AUDIO_SENT = (
        "tts.audio_sent",
        "seconds of audio that had been sent when the client of a socket stopped the utterance; absent unless "
        "tts.cancellation is interrupted",
        "double",
    )
    AUDIO_PLAYED = (
        "tts.audio_played",
        "seconds of tts.audio_sent that the client had played by its own report (played_ms); absent without one",
        "double",
    )
    CHUNKS = "tts.chunks", "chunks of audio that the provider made", "int"
    PROVIDER = "tts.provider", "the provider that spoke; absent if none did"
    FALLBACK_FROM = "tts.fallback_from", "the provider that failed to speak; absent unless another one was asked"
    FALLBACK_REASON = "tts.fallback_reason", "why, as in tts_provider_fallbacks_total"
    CACHE = "tts.cache", "as in tts_cache_requests_total; absent if the request was not looked up"
    LOUDNESS = (
        "tts.loudness",
        "dB of full scale: the root mean square of the frames that are not silent; this field and the next four are "
        "absent unless the clip was made for this request",
        "double",
    )
    SILENCE_SHARE = "tts.silence_share", "the share of the clip that is silent, 0 to 1", "double"
    CLIPPING_SHARE = "tts.clipping_share", "the share of the clip's samples that are at full scale, 0 to 1", "double"
    SECONDS_PER_CHARACTER = (
        "tts.seconds_per_character",
        "seconds of audio per character, converted to speed 1",
        "double",
    )
    AUDIO_FAULTS = "tts.audio_faults", "as in tts_audio_faults_total, separated by commas; absent without any"
    AUDIO_AHEAD = (
        "tts.audio_ahead",
        "seconds of audio that other clients waited for when the request was admitted; this field, the next seven and "
        "tts.phoneme_estimate are absent unless audio was made for this request",
        "double",
    )
    REQUESTS_AHEAD = "tts.requests_ahead", "syntheses that were under way when the request was admitted", "int"
    THROUGHPUT = "tts.throughput", "seconds of audio that the provider made per second, as measured before", "double"
    DEVICE = "tts.device", "what the provider computes on: cpu, cuda or remote"
    PREDICTOR = "tts.predictor", "what predicted on arrival: the trained model, or linear"
    PREDICTED_DURATION = "tts.predicted_duration", "seconds: the predicted median of tts.duration", "double"
    PREDICTED_DURATION_P95 = "tts.predicted_duration_p95", "seconds: its predicted p95", "double"
    PREDICTED_FIRST_AUDIO = (
        "tts.predicted_first_audio",
        "seconds: the predicted median of tts.time_to_first_audio",
        "double",
    )
    WORD_ERROR_RATE = (
        "tts.word_error_rate",
        "as in tts_word_error_rate; absent unless the clip was recognised within a minute",
        "double",
    )
    VERIFICATION = "tts.verification", "as in tts_verifications_total; absent unless the request asked for it"
    CLIENT = "tts.client", "the name of the caller's key; anonymous without keys"
    TENANT = "tts.tenant", "the tenant of the caller's key; default without keys"
    CPU_SECONDS = (
        "tts.cpu_seconds",
        "seconds of cores that the engine's steps took, a step for several requests with this request's share; absent "
        "without any",
        "double",
    )
    GPU_SECONDS = "tts.gpu_seconds", "seconds of the GPU, likewise", "double"
    ENERGY = "tts.energy", "joules of these seconds; this field and the next four only with a price list", "double"
    COST = "tts.cost", "as in tts_cost_total", "double"
    CHARGE = (
        "tts.charge",
        "the part of tts.cost for what others did, a paid provider or replicas of the engine; absent without it",
        "double",
    )
    COST_SAVED = "tts.cost_saved", "as in tts_cost_saved_total, of cache and coalescing", "double"
    CURRENCY = "tts.currency", "the currency of the price list"
    BUILD = "tts.build", "what distinguishes this build of the server; an attribute of the resource too"


class MachineField(Field):
    """A field of the event tts.machine. Amounts are of the time since the event before."""

    SERVER = "tts.machine.server", "an identifier of the server's process"
    NUMBER = "tts.machine.number", "the number of the event since the process started, from 0", "int"
    SECONDS = "tts.machine.seconds", "seconds since the event before", "double"
    CORES = "tts.machine.cores", "the cores that the server may use", "double"
    GPUS = "tts.machine.gpus", "the GPUs that the server uses: 0 or 1", "int"
    CPU_REQUESTS = "tts.machine.cpu.requests", "seconds of cores, as in tts_machine_time_seconds_total", "double"
    CPU_WASTED = "tts.machine.cpu.wasted", "likewise", "double"
    CPU_OVERHEAD = "tts.machine.cpu.overhead", "likewise", "double"
    CPU_IDLE = "tts.machine.cpu.idle", "likewise", "double"
    GPU_REQUESTS = "tts.machine.gpu.requests", "seconds of the GPU, likewise", "double"
    GPU_WASTED = "tts.machine.gpu.wasted", "likewise", "double"
    GPU_IDLE = "tts.machine.gpu.idle", "likewise", "double"
    COST_REQUESTS = "tts.machine.cost.requests", "as in tts_machine_cost_total; only with a price list", "double"
    COST_WASTED = "tts.machine.cost.wasted", "likewise", "double"
    COST_OVERHEAD = "tts.machine.cost.overhead", "likewise", "double"
    COST_IDLE = "tts.machine.cost.idle", "likewise", "double"
    ENERGY = "tts.machine.energy", "joules, all uses together; only with a price list", "double"
    CARBON = "tts.machine.carbon", "grams of carbon dioxide, likewise", "double"
    SAVED_BATCHING = "tts.machine.saved.batching", "as in tts_cost_saved_total; only with a price list", "double"
    CURRENCY = "tts.machine.currency", "the currency of the price list"


class SpanField(Field):
    """An attribute of the spans below the SERVER span."""

    STAGE = "tts.stage", "the stage"
    BATCH_SIZE = (
        "tts.batch_size",
        "how many requests the step was taken for, if for several; the span links to them",
        "int",
    )
    BATCH_PADDING = "tts.batch_padding", "the share of that batch that is padding", "double"
    REPLICA = "tts.replica", "the replica of the engine in the Ray cluster that took the step; absent outside a cluster"
    PROVIDER = "tts.provider", "the provider that was asked"
    ATTEMPT_OUTCOME = "tts.attempt_outcome", "how the attempt ended, as in tts_provider_requests_total"
    OPERATION = conventions.OPERATION_NAME, "always text_to_speech"
    GEN_AI_PROVIDER = conventions.PROVIDER_NAME, "as tts.provider"
    GEN_AI_MODEL = conventions.REQUEST_MODEL, "the voice"
    GEN_AI_OUTPUT = conventions.OUTPUT_TYPE, "always speech"
    CONVENTIONAL_ERROR = conventions.ERROR_TYPE, "as tts.attempt_outcome; absent unless the attempt failed"


STAGE_FIELDS = (SpanField.STAGE, SpanField.BATCH_SIZE, SpanField.BATCH_PADDING, SpanField.REPLICA)
"""The attributes of the spans of stages."""
ATTEMPT_FIELDS = tuple(field for field in SpanField if field not in STAGE_FIELDS)
"""The attributes of the spans of attempts."""


class DriftField(Field):
    """A field of the event tts.drift."""

    WINDOW = (
        "tts.drift.window",
        "the window's name, which is the time of its start in UTC; two events of one name are of the same window",
    )
    WINDOW_START = "tts.drift.window_start", "the start, ISO 8601"
    WINDOW_END = "tts.drift.window_end", "the end, ISO 8601, not included"
    STATE = "tts.drift.state", "the verdict: stable, suspected, drift, or why there is none"
    COLUMNS = "tts.drift.columns", "the columns that have drifted, separated by commas; absent without any"
    ROWS = "tts.drift.rows", "the requests in the window", "int"
    TEXT = "tts.drift.text", "the verdict in words"


class ChangeField(Field):
    """A field of the event tts.change."""

    ID = "tts.change.id", "two events of one id are the same event"
    KIND = "tts.change.kind", "began, ended, or build for a verdict on a build"
    MEASURE = "tts.change.measure", "latency, failures or word_error_rate; of a build, those in which it is worse"
    VOICE_NAME = "tts.change.voice_name", "the voice whose requests have changed; absent for all"
    PROVIDER = "tts.change.provider", "the provider that has changed; absent for all"
    SINCE = "tts.change.since", "when the change began, or the build was first seen, ISO 8601"
    RATIO = "tts.change.ratio", "the value after the change divided by that before; absent for a build", "double"
    BUILD = "tts.change.build", "the build that is judged, or that came with the change; absent without one"
    STATE = "tts.change.state", "of a build: no_worse, worse or undecided; else absent"
    TEXT = "tts.change.text", "the change or the verdict in words"


def stage_field(stage: Stage) -> str:
    """The field of the seconds that a request spent in a stage."""
    return f"tts.stage.{stage}"


REQUEST_FIELDS: Mapping[str, str] = {
    **{field.value: field.meaning for field in RequestField},
    **{stage_field(stage): f"seconds in the stage {stage}, all sentences together" for stage in Stage},
}
"""Every field of the event tts.request, and what it means."""
REQUEST_TYPES: Mapping[str, ValueType] = {
    **{field.value: field.type for field in RequestField},
    **{stage_field(stage): "double" for stage in Stage},
}
"""The type of each field's value."""
