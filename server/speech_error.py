"""The base of all errors of the server, a hierarchy with two branches.

- ``SpeechError`` is sent to the client. A class's name is its ``error_type`` in responses, labels and events;
  ``errors.py`` has the classes.
- ``ComponentError`` is internal: a component has failed or was closed, and its caller chooses the client's error. It is
  never sent to a client. Its subclasses are defined next to their component: EngineLost (scheduling), ThreadClosed
  (providers), WorkerCrashed, WorkerLost and ForkFailed (sandbox), AudioUnreadable and UnsupportedRecording (audio),
  DictionaryError (text), DataFolderError (lifecycle), KeyStoreError (access), CertificateError (network). VoiceError
  is defined here, since many packages read voices.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import ClassVar

from otel.contract.values import RateLimitReason, Side


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

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        limit: RateLimitReason | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after = retry_after
        """The value of the header Retry-After, in seconds."""
        self.limit = limit
        """The limit of the client that the request exceeded; None for every other error."""

    @property
    def error_type(self) -> str:
        return error_type(type(self))

    @property
    def headers(self) -> dict[str, str]:
        """The headers of its response, beside those of every response."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


def error_type(cls: type[SpeechError]) -> str:
    """Returns the name of an error class in snake case: ``unknown_voice`` for ``UnknownVoice``."""
    return _lower_snake(cls.__name__)


@cache
def _lower_snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
