"""The telemetry contract: the server's metrics as data, and CONTRACT, with those of the other modules too."""

from __future__ import annotations

from otel.contract import buckets, conventions
from otel.contract.cost_metrics import COST_METRICS
from otel.contract.drift_metrics import DRIFT_METRICS
from otel.contract.instrument import Instrument
from otel.contract.labels import (
    ATTEMPT_OUTCOME,
    CACHE,
    CACHE_RESULT,
    CANCELLATION,
    CHAR_COUNT_RANGE,
    CLIENT,
    CONNECTION_STATE,
    DEGRADED_KIND,
    EARLY_END,
    ENDPOINT,
    ERROR_TYPE,
    FALLBACK_REASON,
    FAULT,
    FROM,
    GEN_AI_MODEL,
    GEN_AI_OPERATION,
    GEN_AI_PROVIDER,
    GPU,
    LANGUAGE,
    LOSS_REASON,
    METHOD,
    MODEL,
    OUTCOME,
    PROVIDER,
    RATE_LIMIT_REASON,
    SIDE,
    SLOW_REASON,
    STAGE,
    STATUS_CODE,
    TASK,
    TO,
    VOICE_NAME,
    WORD_COUNT_RANGE,
    WORKER,
)
from otel.contract.load_metrics import LOAD_METRICS
from otel.contract.prediction_metrics import PREDICTION_METRICS
from otel.contract.security_metrics import SECURITY_METRICS
from otel.contract.verification_metrics import VERIFICATION_METRICS

REQUESTS = Instrument(
    "tts.requests",
    "counter",
    "{request}",
    "Requests for audio, rejected ones included.",
    (ENDPOINT, METHOD, STATUS_CODE, VOICE_NAME, LANGUAGE, OUTCOME),
)
REQUEST_DURATION = Instrument(
    "tts.request.duration",
    "histogram",
    "s",
    "The server's own time from the last byte of the request until the last byte of audio is ready, or until the "
    "request fails, without the time spent waiting for a slow reader. Requests that ended ok or in error.",
    (ENDPOINT, VOICE_NAME, LANGUAGE),
    buckets.SECONDS,
)
GEN_AI_DURATION = Instrument(
    conventions.SERVER_DURATION,
    "histogram",
    "s",
    "As tts_request_duration_seconds, under the name of the semantic conventions for generative AI. Requests that "
    "ended ok; tts_errors_total has the others.",
    (GEN_AI_OPERATION, GEN_AI_PROVIDER, GEN_AI_MODEL),
    conventions.DURATION_BOUNDS,
)
ERRORS = Instrument(
    "tts.errors",
    "counter",
    "{error}",
    "Requests for audio that were rejected or failed, by error class.",
    (ERROR_TYPE, ENDPOINT, SIDE),
)
CANCELLATIONS = Instrument(
    "tts.cancellations",
    "counter",
    "{request}",
    "Requests for audio that were cancelled, by why. Requests that the server ends are errors instead.",
    (CANCELLATION,),
)
WORD_COUNT_DURATION = Instrument(
    "tts.word_count.duration",
    "histogram",
    "s",
    "Duration of requests that ended ok, by the number of words spoken.",
    (WORD_COUNT_RANGE, VOICE_NAME, CACHE),
    buckets.SECONDS,
)
CHARACTER_COUNT_DURATION = Instrument(
    "tts.character_count.duration",
    "histogram",
    "s",
    "Duration of requests that ended ok, by the number of characters spoken.",
    (CHAR_COUNT_RANGE, VOICE_NAME, CACHE),
    buckets.SECONDS,
)
ACTIVE_VOICES = Instrument("tts.active_voices", "gauge", "{voice}", "Voices that spoke within the last hour.")
SYSTEM_MEMORY = Instrument(
    "tts.system.memory.usage", "gauge", "By", "Resident memory of the server's process and its children."
)
SYSTEM_CPU = Instrument(
    "tts.system.cpu.usage",
    "gauge",
    "%",
    "CPU in use on the machine, or in the container as a share of its limit: 0 to 100.",
)
RESTARTS = Instrument(
    "tts.restarts",
    "gauge",
    "{restart}",
    "Restarts of the server after crashes, since it was last shut down properly.",
)
MODEL_LOAD_TIME = Instrument(
    "tts.model.load_time", "gauge", "s", "Time to load a model and run it for the first time.", (MODEL,)
)
TIME_TO_FIRST_AUDIO = Instrument(
    "tts.time_to_first_audio",
    "histogram",
    "s",
    "Time from the last byte of the request until the first audio is ready to be sent: the first chunk of a stream, "
    "the end of a whole answer. Requests that ended ok.",
    (WORD_COUNT_RANGE, VOICE_NAME),
    buckets.FINE_SECONDS,
)
REAL_TIME_FACTOR = Instrument(
    "tts.real_time_factor",
    "histogram",
    "1",
    "Work per second of audio: the time in phonemize, infer, decode and encode divided by the duration of the audio. "
    "A step that was taken for several requests at once counts by each request's share. Requests that ended ok and "
    "did not come from the cache.",
    (WORD_COUNT_RANGE, VOICE_NAME),
    buckets.REAL_TIME_FACTORS,
)
AUDIO_DURATION = Instrument(
    "tts.audio.duration",
    "histogram",
    "s",
    "Duration of the audio. Requests that ended ok.",
    (VOICE_NAME,),
    buckets.AUDIO_SECONDS,
)
STAGE_DURATION = Instrument(
    "tts.stage.duration",
    "histogram",
    "s",
    "Time that a request spent in a stage, over all its sentences; steps that ran in parallel each count in full. "
    "Requests that ended ok, in error or cancelled.",
    (STAGE,),
    buckets.STAGE_SECONDS,
)
REQUESTS_IN_FLIGHT = Instrument(
    "tts.requests_in_flight", "gauge", "{request}", "Requests for audio that have not ended."
)
CONNECTIONS = Instrument(
    "tts.connections", "gauge", "{connection}", "Open connections to the API's port.", (CONNECTION_STATE,)
)
CONNECTIONS_ENDED_EARLY = Instrument(
    "tts.connections.ended_early",
    "counter",
    "{connection}",
    "Connections to the API's port that the server closed before their request was answered.",
    (EARLY_END,),
    observed=True,
)
CERTIFICATE_EXPIRY = Instrument(
    "tts.certificate.expiry.timestamp",
    "gauge",
    "s",
    "Unix time at which the TLS certificate in use expires. None without TLS.",
)
QUEUE_DEPTH = Instrument("tts.queue_depth", "gauge", "{request}", "Requests that wait for the engine.")
QUEUE_AUDIO = Instrument(
    "tts.queue_audio",
    "gauge",
    "s",
    "Estimated duration of the audio that requests wait for. Streams that wait for their reader do not count.",
)
UNSENT_BYTES = Instrument(
    "tts.unsent",
    "gauge",
    "By",
    "Memory for audio that waits to be sent, estimated while it is made: a whole answer counts until all of it is "
    "sent, a stream by what was made ahead of its reader.",
)
BATCH_SIZE = Instrument(
    "tts.batch_size", "histogram", "{step}", "Number of steps that the engine took together.", (), buckets.BATCH_SIZES
)
BATCH_PADDING = Instrument(
    "tts.batch_padding", "histogram", "1", "Share of a batch that pads its shorter steps, 0 to 1.", (), buckets.SHARES
)
STREAM_UNDERRUN = Instrument(
    "tts.stream_underrun",
    "histogram",
    "s",
    "Silence inside the speech that a listener heard who played the stream from its first chunk on, because the next "
    "chunk was not ready: the sum of all gaps of the stream, so no gap was longer. Streams that ended ok; time spent "
    "waiting for a slow reader does not count.",
    (VOICE_NAME,),
    buckets.UNDERRUN_SECONDS,
)
GPU_UTILIZATION = Instrument("tts.gpu.utilization", "gauge", "%", "Share of time in which the GPU was busy.", (GPU,))
GPU_MEMORY = Instrument("tts.gpu.memory.usage", "gauge", "By", "Memory of the GPU in use by all processes.", (GPU,))
GPU_MEMORY_LIMIT = Instrument("tts.gpu.memory.limit", "gauge", "By", "Total memory of the GPU.", (GPU,))
GPU_POWER = Instrument("tts.gpu.power", "gauge", "W", "Power draw of the GPU.", (GPU,))
GPU_TEMPERATURE = Instrument("tts.gpu.temperature", "gauge", "Cel", "Temperature of the GPU.", (GPU,))
WORDS_TOTAL = Instrument("tts.words", "counter", "{word}", "Words of the requests that ended ok.", (VOICE_NAME, CLIENT))
CHARACTERS_TOTAL = Instrument(
    "tts.characters", "counter", "{character}", "Characters of the requests that ended ok.", (VOICE_NAME, CLIENT)
)
SLOW_REQUESTS = Instrument(
    "tts.slow_requests",
    "counter",
    "{request}",
    "Requests that took longer than 95 % of the last 256 of their word range, by what cost them most beyond the usual; "
    "and requests of slow clients.",
    (SLOW_REASON,),
)

CACHE_REQUESTS = Instrument(
    "tts.cache.requests",
    "counter",
    "{request}",
    "Requests that were looked up in the audio cache, by where their audio came from.",
    (CACHE_RESULT,),
)
CACHE_BYTES = Instrument("tts.cache", "gauge", "By", "Memory held by the audio cache.")
CACHE_ENTRIES = Instrument("tts.cache.entries", "gauge", "{clip}", "Clips held by the audio cache.")
CACHE_EVICTIONS = Instrument(
    "tts.cache.evictions",
    "counter",
    "{clip}",
    "Clips evicted from the audio cache to make room for others.",
    observed=True,
)
RATE_LIMITED = Instrument(
    "tts.rate_limited",
    "counter",
    "{request}",
    "Requests that were refused because the client had exceeded one of its limits, by limit.",
    (RATE_LIMIT_REASON,),
)
CACHE_INVALID = Instrument(
    "tts.cache.invalid",
    "counter",
    "{clip}",
    "Values on Redis that were not the clip that their key stands for: altered, cut off, or written by others.",
    observed=True,
)
PROVIDER_REQUESTS = Instrument(
    "tts.provider.requests",
    "counter",
    "{attempt}",
    "Attempts to speak, by provider and outcome.",
    (PROVIDER, ATTEMPT_OUTCOME),
)
PROVIDER_DURATION = Instrument(
    "tts.provider.duration",
    "histogram",
    "s",
    "Time that a provider took for an utterance, its own queue included, without the time spent waiting for a slow "
    "reader. Attempts that ended ok.",
    (PROVIDER,),
    buckets.SECONDS,
)
PROVIDER_AVAILABLE = Instrument(
    "tts.provider.available", "gauge", "{provider}", "1 if requests are sent to the provider, 0 if not.", (PROVIDER,)
)
PROVIDER_FALLBACKS = Instrument(
    "tts.provider.fallbacks",
    "counter",
    "{fallback}",
    "Requests that were handed to another provider before their first byte.",
    (FROM, TO, FALLBACK_REASON),
)
DEGRADED = Instrument(
    "tts.degraded",
    "gauge",
    "{episode}",
    "1 while a provider is slower than its reference, fails too often or is unavailable; else 0.",
    (DEGRADED_KIND, PROVIDER),
)
AUDIO_FAULTS = Instrument(
    "tts.audio.faults",
    "counter",
    "{fault}",
    "Faults of clips that were made, also of clips that were never sent.",
    (FAULT, VOICE_NAME),
)
WORKER_RESTARTS = Instrument(
    "tts.worker.restarts",
    "counter",
    "{restart}",
    "Restarts of worker processes, because the process had ended or did not answer.",
    (WORKER,),
)
EVENTS_LOST = Instrument(
    "tts.events.lost",
    "counter",
    "{event}",
    "Events that are missing from the server's own files, by why they could not be written.",
    (LOSS_REASON,),
)
BACKGROUND_TASK_FAILURES = Instrument(
    "tts.background_task.failures",
    "counter",
    "{failure}",
    "Failures of background tasks; after each failure the task is restarted after a pause.",
    (TASK,),
)

_SERVER_METRICS = tuple(entry for entry in list(globals().values()) if isinstance(entry, Instrument))
CONTRACT: tuple[Instrument, ...] = (
    *_SERVER_METRICS,
    *LOAD_METRICS,
    *PREDICTION_METRICS,
    *COST_METRICS,
    *SECURITY_METRICS,
    *VERIFICATION_METRICS,
    *DRIFT_METRICS,
)
"""Every instrument in the order of definition. Beside them only the libraries' metrics are exported."""
