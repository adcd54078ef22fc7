"""The labels of the contract's metrics, and the only values that they take."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from otel.contract import conventions
from otel.contract.drift_changes import ChangeMeasure
from otel.contract.drift_verdict import DriftColumn
from otel.contract.playback_values import PlaybackEnd, PlaybackRating
from otel.contract.ranges import CHARACTERS, WORDS
from otel.contract.recognition_values import MosAspect, ProbeResult, RecognitionResult, VerificationResult
from otel.contract.values import (
    AttemptOutcome,
    AuditEvent,
    AuthenticationResult,
    BackgroundTask,
    BudgetPeriod,
    CacheResult,
    CacheState,
    Cancellation,
    ConnectionState,
    DegradationKind,
    Device,
    EarlyEnd,
    FallbackReason,
    Fault,
    InterruptionPoint,
    LossReason,
    MachineUse,
    ModelState,
    Outcome,
    PredictionRank,
    Predictor,
    RateLimitReason,
    Saving,
    Side,
    SlowReason,
    SocketEnd,
    Stage,
    WorkerKind,
)

OTHER = "other"
"""The value of a label whose real value is not on its allow-list."""
ALL_TENANTS = "*"
"""The value of a label that stands for all tenants together; no tenant has this name."""


class Source(StrEnum):
    """Allow-lists that are known only after the server has started."""

    VOICES = "the names of the installed voices"
    PROVIDERS = "the names of the providers"
    GPUS = "the numbers of the machine's GPUs"
    LANGUAGES = "the languages that the installed voices speak"
    ENDPOINTS = "the paths that answer with audio"
    ERRORS = "the error types of the reference"
    TENANTS = "default, and the tenants of the keys, of which the first 256 since the server's start"
    CLIENTS = "anonymous, and the names of the keys, of which the first 256 since the server's start"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A label: its OpenTelemetry name, its meaning, and the only values it takes beside ``other``."""

    name: str
    help: str
    values: tuple[str, ...] | Source

    @property
    def prometheus_name(self) -> str:
        return self.name.replace(".", "_")


SLOW_REASON = Attribute("reason", "what cost the request most beyond the usual of its range", tuple(SlowReason))
CONNECTION_STATE = Attribute("state", "what the connection is doing", tuple(ConnectionState))
EARLY_END = Attribute("reason", "why the connection was closed", tuple(EarlyEnd))
ENDPOINT = Attribute("endpoint", "the path of the call; other for a request whose path is unknown", Source.ENDPOINTS)
METHOD = Attribute("method", "the HTTP method", ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))
STATUS_CODE = Attribute(
    "status_code",
    "the HTTP status; 499 when the client left before there was one",
    (
        "200",
        "206",
        "400",
        "401",
        "403",
        "404",
        "405",
        "408",
        "413",
        "414",
        "415",
        "416",
        "421",
        "422",
        "426",
        "429",
        "431",
        "499",
        "500",
        "503",
        "504",
    ),
)
VOICE_NAME = Attribute("voice_name", "the voice", Source.VOICES)
LANGUAGE = Attribute("language", "the language of most of the text as a BCP 47 code", Source.LANGUAGES)
OUTCOME = Attribute("outcome", "how the request ended", tuple(Outcome))
ERROR_TYPE = Attribute("error_type", "the error class in lower_snake", Source.ERRORS)
CANCELLATION = Attribute("reason", "why the request was cancelled", tuple(Cancellation))
SIDE = Attribute("side", "whose mistake it was", tuple(Side))
WORD_COUNT_RANGE = Attribute("word_count_range", "words of the text without emotion tags and markup", WORDS.labels)
CHAR_COUNT_RANGE = Attribute(
    "char_count_range", "characters of the text without emotion tags and markup", CHARACTERS.labels
)
CACHE = Attribute("cache", "whether the audio was in the cache", tuple(CacheState))
CACHE_RESULT = Attribute("result", "where the audio came from", tuple(CacheResult))
PROVIDER = Attribute("provider", "the provider that was asked to speak", Source.PROVIDERS)
FROM = Attribute("from", "the provider that did not speak", Source.PROVIDERS)
TO = Attribute("to", "the provider that was asked instead", Source.PROVIDERS)
ATTEMPT_OUTCOME = Attribute("outcome", "how the attempt ended", tuple(AttemptOutcome))
FALLBACK_REASON = Attribute("reason", "why another provider had to speak", tuple(FallbackReason))
DEGRADED_KIND = Attribute("kind", "what is wrong with the provider", tuple(DegradationKind))
FAULT = Attribute("fault", "what is wrong with the clip", tuple(Fault))
MODEL = Attribute("model", "the model, named by its voice", Source.VOICES)
STAGE = Attribute("stage", "the stage of the request's work", tuple(Stage))
GPU = Attribute("gpu", "the number of the GPU, as the driver counts them", Source.GPUS)
TASK = Attribute("task", "what the server does beside its requests", tuple(BackgroundTask))
WORKER = Attribute("worker", "the kind of worker process", tuple(WorkerKind))
CLIENT = Attribute("client", "the name of the caller's key; anonymous without keys", Source.CLIENTS)
TENANT = Attribute("tenant", "the tenant of the caller's key; default without keys", Source.TENANTS)
BUDGET_TENANT = Attribute("tenant", f"the tenant; {ALL_TENANTS} for all together", Source.TENANTS)
BUDGET_PERIOD = Attribute("period", "the time for which the budget is", tuple(BudgetPeriod))
DEVICE = Attribute("device", "what the time is of", tuple(Device))
MACHINE_USE = Attribute("use", "what the time was used for", tuple(MachineUse))
SAVING = Attribute("by", "what saved it", tuple(Saving))
RATE_LIMIT_REASON = Attribute("reason", "the limit that the request exceeded", tuple(RateLimitReason))
LOSS_REASON = Attribute("reason", "why the event could not be written", tuple(LossReason))
RECOGNITION_RESULT = Attribute("result", "what became of the clip", tuple(RecognitionResult))
VERIFICATION_RESULT = Attribute("result", "what was heard in the clips", tuple(VerificationResult))
SOCKET_END = Attribute("reason", "why it ended", tuple(SocketEnd))
INTERRUPTION_POINT = Attribute("point", "what had been done with the speech", tuple(InterruptionPoint))
PLAYBACK_END = Attribute("end", "how the playback ended", tuple(PlaybackEnd))
PLAYBACK_RATING = Attribute("rating", "what the listener had of it", tuple(PlaybackRating))
PROBE_RESULT = Attribute("result", "what the prober heard", tuple(ProbeResult))
MOS_ASPECT = Attribute("aspect", "what the score is about", tuple(MosAspect))
AUTHENTICATION_RESULT = Attribute("result", "the result of checking the key", tuple(AuthenticationResult))
AUDIT_EVENT = Attribute("event", "what the entry is about", tuple(AuditEvent))
PREDICTOR = Attribute("predictor", "what predicted", tuple(Predictor))
MODEL_STATE = Attribute("state", "whether the trained model is used, or why it is not", tuple(ModelState))
PREDICTION_RANK = Attribute("rank", "where the duration lies among the predicted quantiles", tuple(PredictionRank))
ADMITTED = Attribute("admitted", "whether the server would have admitted the request", ("no", "yes"))
GEN_AI_OPERATION = Attribute(conventions.OPERATION_NAME, "the operation", (conventions.TEXT_TO_SPEECH,))
GEN_AI_PROVIDER = Attribute(conventions.PROVIDER_NAME, "the provider that spoke", Source.PROVIDERS)
GEN_AI_MODEL = Attribute(conventions.REQUEST_MODEL, "the voice", Source.VOICES)
DRIFT_COLUMN = Attribute(
    "column",
    "the column that the drift job judges; drift/README.md describes each",
    tuple(DriftColumn),
)
CHANGE_MEASURE = Attribute("measure", "what has changed, or what a build is compared by", tuple(ChangeMeasure))
CHANGED_VOICE = Attribute("voice_name", "the voice whose requests have changed; empty for all voices", Source.VOICES)
CHANGED_PROVIDER = Attribute("provider", "the provider that has changed; empty for all", Source.PROVIDERS)
