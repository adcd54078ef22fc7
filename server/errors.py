"""All errors that a client can receive: the classes below SpeechError.

``speech_error.py`` has their base. ``access_errors.py`` (of keys and web pages), ``audio_errors.py`` and
``connection_errors.py`` are part of this module.
"""

from __future__ import annotations

from collections.abc import Iterable

from otel.contract.values import Side
from server.access_errors import (
    ConflictingApiKeys,
    InsufficientScope,
    InvalidApiKey,
    MissingApiKey,
    OriginNotAllowed,
    TooManyFailedAttempts,
    VoiceNotAllowed,
)
from server.audio_errors import InvalidSample, RangeNotSatisfiable, UnsupportedFormat
from server.connection_errors import HeadersTooLarge, TooManyConnections, UpgradeRequired, UriTooLong
from server.speech_error import ComponentError, ServerError, SpeechError, VoiceError, error_type

__all__ = [
    "ComponentError",
    "ConflictingApiKeys",
    "HeadersTooLarge",
    "InsufficientScope",
    "InvalidApiKey",
    "InvalidSample",
    "MissingApiKey",
    "OriginNotAllowed",
    "RangeNotSatisfiable",
    "ServerError",
    "SpeechError",
    "TooManyConnections",
    "TooManyFailedAttempts",
    "UnsupportedFormat",
    "UpgradeRequired",
    "UriTooLong",
    "VoiceError",
    "VoiceNotAllowed",
    "all_errors",
    "error_type",
]


class InvalidJson(SpeechError):
    """The body is not a JSON object in UTF-8."""

    status = 400


class InvalidText(SpeechError):
    """The text contains characters that are not allowed: NUL, control characters or lone surrogates."""

    status = 400


class UnknownPronunciation(SpeechError):
    """The dictionary that is changed over HTTP has no entry for these words."""

    status = 404


class UnknownKey(SpeechError):
    """There is no API key with this identifier."""

    status = 404


class UnknownPath(SpeechError):
    """This path does not exist."""

    status = 404


class UnknownRequest(SpeechError):
    """No request with this X-Request-ID had audio within the last hour, or its playback has been reported."""

    status = 404


class UnknownTrace(SpeechError):
    """The trace was not kept, or has been dropped from memory since."""

    status = 404


class UnknownModel(SpeechError):
    """This model does not exist."""

    status = 404


class MetricsDisabled(SpeechError):
    """Metrics are switched off."""

    status = 404


class UnknownVoice(SpeechError):
    """This voice is not installed."""

    status = 404


class MethodNotAllowed(SpeechError):
    """The path does not allow this method."""

    status = 405

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = frozenset(allowed)
        super().__init__(f"this path takes only {', '.join(sorted(self.allowed))}")

    @property
    def headers(self) -> dict[str, str]:
        return {"Allow": ", ".join(sorted(self.allowed))}


class RequestTimeout(SpeechError):
    """The client did not send its whole request in time."""

    status = 408


class TextTooLong(SpeechError):
    """The text, or the speech that it would make, is longer than the server allows."""

    status = 413


class BodyTooLarge(SpeechError):
    """The body is larger than the server allows."""

    status = 413


class UnsupportedMediaType(SpeechError):
    """The body is not declared as JSON, or it is compressed."""

    status = 415


class MisdirectedRequest(SpeechError):
    """The header Host is not a name of this server. TTSCOPE_ALLOWED_HOSTS sets the names."""

    status = 421


class InvalidRequest(SpeechError):
    """A field is missing, has the wrong type, or is out of its range."""

    status = 422


class NothingToSpeak(SpeechError):
    """The text contains nothing that can be spoken."""

    status = 422


class UnspeakableText(SpeechError):
    """This text can't be spoken as it is written. The server works, and speaks other texts."""

    status = 422


class InvalidMarkup(SpeechError):
    """The text is not valid SSML of the supported subset, or it is SSML but input_type is not "ssml", or it is Markdown
    that is nested too deep."""

    status = 422


class UnsupportedLanguage(SpeechError):
    """The voice does not speak this language."""

    status = 422


class UnsupportedByVoice(SpeechError):
    """The request needs SSML, timestamps of words or phonemes, which none of the voice's providers supports."""

    status = 422


class QueueFull(SpeechError):
    """The server has no capacity left. Retry after the time in Retry-After."""

    status = 429
    kind = "rate_limit_error"
    side = Side.SERVER


class RateLimitExceeded(SpeechError):
    """The client sends too many requests in a minute, or too many at the same time. Retry after the time in
    Retry-After."""

    status = 429
    kind = "rate_limit_error"


class InsufficientQuota(SpeechError):
    """The client has not enough left of its audio of the day or its characters of the month. Retry-After gives the time
    until the next day or month begins, in UTC; x-should-retry: false keeps OpenAI's clients from retrying sooner."""

    status = 429
    kind = "insufficient_quota"

    @property
    def headers(self) -> dict[str, str]:
        return {**super().headers, "X-Should-Retry": "false"}


class BadRequest(SpeechError):
    """The bytes are not a valid HTTP request."""

    status = 400


class EngineFailed(SpeechError):
    """The engine could not speak."""

    status = 500
    kind = "server_error"
    side = Side.SERVER
    refusal = False


class ReplicaLost(SpeechError):
    """The replica of the engine that was speaking, in a Ray cluster, was lost."""

    status = 500
    kind = "server_error"
    side = Side.SERVER
    refusal = False


class InternalError(SpeechError):
    """The server failed because of a bug."""

    status = 500
    kind = "server_error"
    side = Side.SERVER
    refusal = False


class ServerCrashed(SpeechError):
    """The server ended before the request did. The client sees a cut connection instead of this error; the next
    server counts it."""

    status = 500
    kind = "server_error"
    side = Side.SERVER
    refusal = False


class DeadlineExceeded(SpeechError):
    """The audio was not ready in time."""

    status = 504
    kind = "server_error"
    side = Side.SERVER
    refusal = False


class NotReady(SpeechError):
    """The voices are still loading."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


class Overloaded(SpeechError):
    """A new request would wait for longer than TTSCOPE_SHED_SECONDS. Only GET /ready/load answers so; requests are
    still accepted."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


class ShuttingDown(SpeechError):
    """The server is stopping."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


class AuditUnavailable(SpeechError):
    """The change can't be written to the audit log, so it was not made. TTSCOPE_AUDIT_REQUIRED=false makes it."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


class SharedStoreUnavailable(SpeechError):
    """The store that servers share can't be reached, so nothing is registered or changed, and voices that this server
    does not know can't be looked up. The message says why."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


def all_errors() -> tuple[type[SpeechError], ...]:
    """Returns every error class, sorted by name: the source for labels, documentation and tests."""
    return tuple(sorted(SpeechError.__subclasses__(), key=lambda cls: cls.__name__))
