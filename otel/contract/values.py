"""The values that labels take, as enums: each stands here once, with what it means."""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Described(StrEnum):
    """A name or a value of the contract, and what it means in words that go on from it."""

    _value_: str
    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        """``meaning`` has a default only because a member is looked up by its value alone."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class LabelValue(Described):
    """A value of a label."""


class Stage(LabelValue):
    """A stage of a request's work, in order."""

    NORMALIZE = "normalize", "the text is checked and counted"
    QUEUE = "queue", "the request waits for others"
    PHONEMIZE = "phonemize", "a sentence is turned into the model's symbols"
    INFER = "infer", "the model's encoder and flow run, before the decoder"
    DECODE = "decode", "the model's decoder makes samples"
    ENCODE = "encode", "samples become the audio format of the answer"
    SEND = "send", "audio is handed to the client"


WORK = (Stage.PHONEMIZE, Stage.INFER, Stage.DECODE, Stage.ENCODE)
"""The stages that make audio: the real time factor is about them."""
ENGINE = (Stage.INFER, Stage.DECODE)
"""The stages in which the engine works."""


class Outcome(LabelValue):
    """The outcome of a request for audio: how it ended."""

    OK = "ok", "all audio was handed to the client"
    ERROR = "error", "the request was accepted, then failed"
    CANCELLED = "cancelled", "the client left or stopped reading before the end"
    REJECTED = "rejected", "the request was refused before any synthesis: bad input, or no room"


class Cancellation(LabelValue):
    """The reason for which a request was cancelled, always the client's; one that the server gave up is an error."""

    INCOMPLETE = "incomplete", "the connection was reset before the whole request had arrived"
    BEFORE_ANSWER = "before_answer", "the client left before the answer began"
    DURING_ANSWER = "during_answer", "the client left while it received the answer"
    SLOW_READER = "slow_reader", "the client received the answer too slowly, so the server cut it off"
    INTERRUPTED = "interrupted", "the client of a socket stopped the utterance"


class SocketEnd(LabelValue):
    """Why a socket ended over which a client sent a text in pieces."""

    DONE = "done", "the client closed it, or all was said after its last message"
    IDLE = "idle", "no message came for TTSCOPE_SOCKET_IDLE_SECONDS"
    LEAVING = "leaving", "the server is about to stop"
    LOST = "lost", "the client left without closing it, or answered no ping"
    SLOW_READER = "slow_reader", "the client received too slowly, so the server cut it off"
    REFUSED = "refused", "a message was refused, in a format whose clients expect the end then"
    FAILED = "failed", "a mistake of the server"


class InterruptionPoint(LabelValue):
    """How far an utterance had come when the client of a socket stopped it."""

    SENT = "sent", "the speech that had been sent"
    PLAYED = "played", "what the client had played of it, by its own report"


class Side(LabelValue):
    """The side that an error is a mistake of."""

    CLIENT = "client", "the request can't be answered as it is"
    SERVER = "server", "the server failed, or had no room"


class CacheState(LabelValue):
    """Whether the audio of a request that ended ok was in the cache."""

    HIT = "hit", "the audio was in the cache"
    MISS = "miss", "the audio had to be made, or the request waited while it was"


class CacheResult(LabelValue):
    """The source of a request's audio: the cache, another request's synthesis, or its own."""

    HIT = "hit", "from the cache"
    MISS = "miss", "it was made"
    COALESCED = "coalesced", "from a synthesis that was under way for an equal request"
    BYPASS = (
        "bypass",
        "it was made for this request alone and not kept: the client wished so, it is too long to be kept, or there is "
        "no cache",
    )


class AuthenticationResult(LabelValue):
    """The result of checking the key of a request."""

    OK = "ok", "the key is valid and has the scope of the route"
    MISSING = "missing", "the request has no key"
    MALFORMED = "malformed", "what was sent has not the form of a key or has a typing error, or two keys were sent"
    UNKNOWN = "unknown", "nobody has issued this key"
    REVOKED = "revoked", "the key was revoked, or replaced by another one"
    EXPIRED = "expired", "the key was valid until some time ago"
    FORBIDDEN = "forbidden", "the key is valid and has not the scope of the route"


class AttemptOutcome(LabelValue):
    """The outcome of a provider's attempt to speak: how it ended."""

    OK = "ok", "the provider spoke"
    ERROR = "error", "the provider failed"
    TIMEOUT = "timeout", "the provider was too slow"
    FAULTY = "faulty", "the provider's audio was silent or far too short"
    REJECTED = "rejected", "the text can't be spoken, which is no fault of the provider's"
    CANCELLED = "cancelled", "nobody waited for the audio any more"


class FallbackReason(LabelValue):
    """Why another provider had to speak."""

    ERROR = "error", "the attempt failed"
    TIMEOUT = "timeout", "the attempt was too slow"
    FAULTY = "faulty", "the attempt's audio was silent or far too short"
    UNAVAILABLE = "unavailable", "the provider was not asked, since it had failed recently"


class DegradationKind(LabelValue):
    """What is wrong with a degraded provider."""

    LATENCY = "latency", "it takes more than 1.5 times its reference at equal length"
    SUCCESS_RATE = "success_rate", "under 95 % of its attempts are ok"
    UNAVAILABLE = "unavailable", "it takes no requests"


class Fault(LabelValue):
    """What is wrong with a clip."""

    SILENT = "silent", "there is nothing to hear, or its numbers are not audio"
    CLIPPED = "clipped", "it is distorted: too many samples are at full scale"
    TRUNCATED = "truncated", "it is far too short for its text, or breaks off in mid-sound"
    TOO_LONG = "too_long", "it is far too long for its text: it repeats itself, or babbles"


CLIPPED_SHARE = 0.001
"""The share of samples at full scale above which a clip is distorted. The peaks of loud but sound speech touch full
scale ten times less often; the real voices never come above 0.87."""


class SlowReason(LabelValue):
    """What cost a slow request most beyond what is usual in its range."""

    QUEUE = "queue", "it waited for other requests"
    COLD_MODEL = "cold_model", "it was the first for this voice since the server started"
    PADDING = "padding", "it shared its batches with much longer requests"
    FALLBACK = "fallback", "a provider failed before another one spoke"
    LONG_TEXT = "long_text", "there was much more to say than is usual in its range"
    ENCODE = "encode", "making the audio file took longer than usual"
    SLOW_CLIENT = "slow_client", "the client took longer to take the audio than to play it"
    OTHER = "other", "the work itself took longer than usual"


class RateLimitReason(LabelValue):
    """The limit of a client that a request exceeded."""

    REQUESTS_PER_MINUTE = "requests_per_minute", "the client sent too many requests within a minute"
    CONCURRENT_REQUESTS = "concurrent_requests", "too many requests of the client were open at the same time"
    AUDIO_SECONDS_PER_DAY = "audio_seconds_per_day", "the client has used its audio of the day, in UTC"
    CHARACTERS_PER_MONTH = "characters_per_month", "the client has used its characters of the month, in UTC"


class ConnectionState(LabelValue):
    """What a connection is doing."""

    IDLE = "idle", "it has no request"
    BUSY = "busy", "it has a request, which is being received, worked on or answered"


class EarlyEnd(LabelValue):
    """Why a connection was closed before its request was answered."""

    FULL = (
        "full",
        "every other connection had a request, so it was answered 503 (with TLS: cut) and counted as a rejection",
    )
    DISPLACED = "displaced", "its request had not arrived, and it gave its place to another connection"
    TIMEOUT = "timeout", "its request, or its TLS handshake, did not arrive in time"
    HANDSHAKE = "handshake", "its TLS handshake failed, as when the client does not accept the certificate"


class BackgroundTask(LabelValue):
    """What the server does beside its requests."""

    SYSTEM = "system", "samples memory and CPU"
    GPU = "gpu", "samples the GPUs"
    WATCH = "watch", "looks for degraded providers"
    PROBES = "probes", "checks providers"
    DICTIONARIES = "dictionaries", "reads pronunciations that have changed"
    KEYS = "keys", "reads API keys that have changed"
    USAGE = "usage", "saves what keys have used of their quotas"
    CERTIFICATE = "certificate", "reads a TLS certificate that has changed"
    AGENT_CHECK = "agent_check", "reports the weight to haproxy"
    STORE = "store", "copies files from the store that servers share"
    RECOGNITION = "recognition", "recognises a share of the clips"
    PREDICTION = "prediction", "reads a prediction model that has changed"
    MACHINE = "machine", "accounts for the machine's time"


class Device(LabelValue):
    """A part of the machine whose time is paid for."""

    CPU = "cpu", "the cores that the server may use"
    GPU = "gpu", "the GPU that the server uses"


class MachineUse(LabelValue):
    """What the machine's time is used for."""

    REQUESTS = "requests", "engine steps whose audio went to a request"
    WASTED = "wasted", "engine steps of cancelled requests, of failed attempts, and of checks"
    OVERHEAD = "overhead", "the rest of the server's processor time: HTTP, texts, encoding, loading, telemetry"
    IDLE = "idle", "no use"


class Saving(LabelValue):
    """What saves cost."""

    CACHE = "cache", "the audio was in the cache"
    COALESCING = "coalescing", "the audio was in the making for an equal request"
    BATCHING = "batching", "steps were taken together"


class BudgetPeriod(LabelValue):
    """The time for which a budget is."""

    DAY = "day", "24 hours"
    MONTH = "month", "30 days"


class WorkerKind(LabelValue):
    """What a worker process does."""

    ENGINE = "engine", "makes speech with the local models"
    PHONEMES = "phonemes", "turns text into phonemes"
    ENCODING = "encoding", "makes audio files"
    DECODING = "decoding", "reads uploaded audio"
    RECOGNITION = "recognition", "recognises the words of clips"


class LossReason(LabelValue):
    """Why an event is missing from its file."""

    DISK_FULL = "disk_full", "there was no room, or no quota"
    FILE_SIZE = "file_size", "the file would have passed the process' limit"
    FILE_HANDLES = "file_handles", "no file handle was free"
    IO_ERROR = "io_error", "the disk failed otherwise"
    QUEUE_FULL = "queue_full", "more events came than could be written"


class AuditEvent(LabelValue):
    """What an entry of the audit log is about."""

    SERVER_STARTED = "server_started", "a server started; the entry names the settings that were set"
    SERVER_STOPPED = "server_stopped", "a server stopped in order"
    KEY_CREATED = "key_created", "a key was created"
    KEY_ROTATED = "key_rotated", "a key got a new secret"
    KEY_REVOKED = "key_revoked", "a key was revoked"
    KEYS_READ = "keys_read", "the server read keys that had changed, whoever changed them"
    VOICE_REGISTERED = "voice_registered", "a recording became a voice"
    VOICE_REPLACED = "voice_replaced", "a voice got another recording"
    VOICE_DELETED = "voice_deleted", "a recording and its voice were deleted"
    DICTIONARY_CHANGED = "dictionary_changed", "a file of pronunciations was added, changed or removed"
    AUTHENTICATION_FAILED = "authentication_failed", "a request came without a key that is valid"
    SCOPE_REFUSED = "scope_refused", "a key does not allow what a request asked for"
    RATE_LIMITED = "rate_limited", "a request was above a limit"
    SPEECH_REQUESTED = "speech_requested", "a request for audio, where the operator chose to have them all"
    ENTRIES_LOST = "entries_lost", "earlier entries could not be written"
    FILES_DELETED = "files_deleted", "the oldest files were deleted, since there were more than are kept"
    LOG_DAMAGED = "log_damaged", "the log was not as it had been left: somebody else changed it"


class AuditOutcome(LabelValue):
    """The outcome of what an entry of the audit log is about."""

    STARTED = "started", "it is about to be done; the next entry with the same request says how it ended"
    OK = "ok", "it was done"
    FAILED = "failed", "it was not done, because of an error"
    REFUSED = "refused", "it was not allowed"


class Predictor(LabelValue):
    """What predicts a request's durations."""

    MODEL = "model", "the trained model"
    LINEAR = "linear", "linear in phonemes, learned by the server itself from its requests"


class ModelState(LabelValue):
    """Whether the trained model is used, or why it is not."""

    IN_USE = "in_use", "it predicts"
    NONE = "none", "there is none yet"
    INVALID = "invalid", "its file can't be used"
    STALE = "stale", "it was trained on requests that are too old"
    VOICES = "voices", "it was trained with other voices"
    BUILD = "build", "it was trained on requests to another build of the server"
    WORSE = "worse", "on the requests just seen it was worse than the baseline"


class PredictionRank(LabelValue):
    """Where a request's duration lies among its predicted quantiles."""

    BELOW_P50 = "below_p50", "at most the predicted median: half of the requests, if predictions are right"
    BELOW_P95 = "below_p95", "above the median, at most the predicted p95: 45 % of the requests"
    ABOVE_P95 = "above_p95", "above the predicted p95: 5 % of the requests"
