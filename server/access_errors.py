"""The errors of requests whose key, voice or web page is not allowed; ``errors.py`` has all others."""

from __future__ import annotations

from server.speech_error import SpeechError

CHALLENGE = 'Bearer realm="ttscope"'
"""What a response says about the keys that it wants (RFC 6750)."""


class OriginNotAllowed(SpeechError):
    """A web page of another origin sent the request, and TTSCOPE_ALLOWED_ORIGINS does not name that origin."""

    status = 403


class MissingApiKey(SpeechError):
    """The request has no API key, and this server requires one. It is sent as Authorization: Bearer, X-API-Key or
    xi-api-key."""

    status = 401

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": CHALLENGE}


class InvalidApiKey(SpeechError):
    """The API key is not one of this server's, or it has a typing error, has expired or was revoked."""

    status = 401

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'}


class ConflictingApiKeys(SpeechError):
    """The request has two different API keys."""

    status = 400


class InsufficientScope(SpeechError):
    """The API key is valid and does not have the scope that this path needs."""

    status = 403

    def __init__(self, scope: str) -> None:
        self.scope = scope
        super().__init__(f"this API key does not have the scope {scope}, which this path needs")

    @property
    def headers(self) -> dict[str, str]:
        return {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{self.scope}"'}


class VoiceNotAllowed(SpeechError):
    """The API key is valid and is not allowed to use this voice."""

    status = 403


class TooManyFailedAttempts(SpeechError):
    """Too many requests of this client had an invalid API key. Retry after the time in Retry-After; a valid key is
    accepted at once."""

    status = 429
    kind = "rate_limit_error"
