"""All errors of the server, in one hierarchy with two branches.

- ``SpeechError`` is sent to the client. A class's name is its ``error_type`` in responses, labels and events.
- ``ComponentError`` is internal: a component has failed or was closed, and its caller chooses the client's error. It is
  never sent to a client. Its subclasses are defined next to their component: EngineLost (scheduling), ThreadClosed
  (providers), WorkerCrashed, WorkerLost and ForkFailed (sandbox), AudioUnreadable and UnsupportedRecording (audio),
  DictionaryError (text), DataFolderError (lifecycle). VoiceError is defined here, since many packages read voices.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import ClassVar

from otel.contract.values import Side


class ServerError(Exception):
    """The base of every error that the server defines."""


class ComponentError(ServerError):
    """A component of the server has failed. It is never sent to a client; see the module's docstring."""


class VoiceError(ComponentError):
    """A file or folder is not a usable voice; the message gives its path and the problem."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem

    def __reduce__(self) -> tuple[type[VoiceError], tuple[Path, str]]:
        """Makes the error picklable, since the engine's process raises it too."""
        return type(self), (self.path, self.problem)


class SpeechError(ServerError):
    """A failure that is reported to the client.

    ``message`` never repeats input of the client, so it may be logged.
    """

    status: ClassVar[int]
    kind: ClassVar[str] = "invalid_request_error"
    """The ``type`` in the JSON body, one of OpenAI's values."""
    refusal: ClassVar[bool] = True
    """Whether the request was rejected before synthesis; otherwise it was accepted and then failed."""
    side: ClassVar[Side] = Side.CLIENT
    """The side that caused the error."""

    def __init__(self, message: str, *, param: str | None = None, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        """The value of the header Retry-After, in seconds."""

    @property
    def error_type(self) -> str:
        return error_type(type(self))


def error_type(cls: type[SpeechError]) -> str:
    """Returns the name of an error class in snake case: ``unknown_voice`` for ``UnknownVoice``."""
    return _lower_snake(cls.__name__)


@cache
def _lower_snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


class InvalidJson(SpeechError):
    """The body is not a JSON object in UTF-8."""

    status = 400


class InvalidText(SpeechError):
    """The text contains characters that are not allowed: NUL, control characters or lone surrogates."""

    status = 400


class UnknownPath(SpeechError):
    """This path does not exist."""

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


class RequestTimeout(SpeechError):
    """The client did not send its whole request in time."""

    status = 408


class TextTooLong(SpeechError):
    """The text, or the speech that it would make, is longer than the server allows."""

    status = 413


class BodyTooLarge(SpeechError):
    """The body is larger than the server allows."""

    status = 413


class UriTooLong(SpeechError):
    """The URL is longer than the longest text, percent-encoded, needs."""

    status = 414


class UnsupportedMediaType(SpeechError):
    """The body is not declared as JSON, or it is compressed."""

    status = 415


class MisdirectedRequest(SpeechError):
    """The header Host is not a name of this server. TTSCOPE_ALLOWED_HOSTS sets the names."""

    status = 421


class InvalidRequest(SpeechError):
    """A field is missing, has the wrong type, or is out of its range."""

    status = 422


class InvalidSample(SpeechError):
    """The recording can't be decoded, is too short or too long, or is silent."""

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


class UnsupportedFormat(SpeechError):
    """The audio is not available in this format."""

    status = 422


class QueueFull(SpeechError):
    """The server has no capacity left. Retry after the time in Retry-After."""

    status = 429
    kind = "rate_limit_error"
    side = Side.SERVER


class HeadersTooLarge(SpeechError):
    """A header, or all headers together, are too long."""

    status = 431


class BadRequest(SpeechError):
    """The bytes are not a valid HTTP request."""

    status = 400


class EngineFailed(SpeechError):
    """The engine could not speak."""

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


class ShuttingDown(SpeechError):
    """The server is stopping."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


class TooManyConnections(SpeechError):
    """All connections of the server are in use. A new connection gets this answer before it sends a request."""

    status = 503
    kind = "server_error"
    side = Side.SERVER


def all_errors() -> tuple[type[SpeechError], ...]:
    """Returns every error class, sorted by name: the source for labels, documentation and tests."""
    return tuple(sorted(SpeechError.__subclasses__(), key=lambda cls: cls.__name__))
