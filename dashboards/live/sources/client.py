"""What the dashboard reads from: one HTTP client, with an end to every wait, and errors that say who is at fault."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
from cachetools import TTLCache

MOST_BYTES = 32 * 2**20
"""Of an answer: more than any page can draw."""
REMEMBERED = 4096
"""Answers; a page of twenty panels asks for about fifty."""
GIVEN_UP_SECONDS = 3.0
"""For which a source that was down is not asked again: else each of a page's panels would wait for it."""
Value = TypeVar("Value")
Parameters = Mapping[str, str | int | float]
"""Of a call, behind its question mark."""


class SourceError(Exception):
    """A source could not answer; the message is for whoever looks at the page."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(message)
        self.source = source


class SourceMissing(SourceError):
    """No address was given for it."""


class SourceDown(SourceError):
    """Nobody answers there, or not in time."""


class SourceRefused(SourceError):
    """It answers, but not with what was asked for."""


class NotFound(SourceRefused):
    """It does not have what was asked for."""


class Source:
    """A server that answers GET with JSON.

    ``name``: what people call it; ``url``: its base, empty if there is none.
    """

    def __init__(self, name: str, url: str, timeout_seconds: float, remember_seconds: float) -> None:
        self.name = name
        self.url = url
        self._client = httpx.Client(
            timeout=timeout_seconds, trust_env=False, headers={"Accept": "application/json"}, follow_redirects=False
        )
        self._answers: TTLCache[object, Any] = TTLCache(REMEMBERED, remember_seconds)
        self._lock = threading.Lock()
        self._down: tuple[float, str] = (0.0, "")

    @property
    def address(self) -> str:
        """The base, as it may be shown: without a user's name and password."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def get(self, path: str, parameters: Parameters | None = None) -> Any:
        """The JSON at ``path``. Raises SourceError."""
        if not self.url:
            raise SourceMissing(self.name, f"{self.name} is not configured: it has no address.")
        until, message = self._down
        if time.monotonic() < until:
            raise SourceDown(self.name, message)
        try:
            status, body = self._read(path, parameters)
        except httpx.TimeoutException:
            raise self._gone(f"{self.name} does not answer in time at {self.address}.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise self._gone(f"{self.name} does not answer at {self.address}.") from None
        if status == httpx.codes.NOT_FOUND:
            raise NotFound(self.name, f"{self.name} does not have it.")
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        if status != httpx.codes.OK:
            raise SourceRefused(self.name, f"{self.name} answers with status {status}{_reason(answer)}.")
        if answer is None:
            raise SourceRefused(self.name, f"The server at {self.address} is not {self.name}.")
        return answer

    def remembered(self, key: object, ask: Callable[[], Value]) -> Value:
        """What ``ask`` gave for this key a short while ago, or gives now; errors are not remembered."""
        with self._lock:
            if key in self._answers:
                return self._answers[key]  # type: ignore[no-any-return]
        answer = ask()
        with self._lock:
            self._answers[key] = answer
        return answer

    def _gone(self, message: str) -> SourceDown:
        self._down = (time.monotonic() + GIVEN_UP_SECONDS, message)
        return SourceDown(self.name, message)

    def _read(self, path: str, parameters: Parameters | None) -> tuple[int, bytes]:
        with self._client.stream("GET", self.url + path, params=dict(parameters or {})) as response:
            body = bytearray()
            for part in response.iter_bytes():
                body += part
                if len(body) > MOST_BYTES:
                    raise SourceRefused(self.name, f"The answer of {self.name} is larger than a page can show.")
            return response.status_code, bytes(body)


def _reason(answer: Any) -> str:
    """What Prometheus says is wrong with a query."""
    said = answer.get("error") if isinstance(answer, dict) else None
    return f": {said[:300]}" if isinstance(said, str) else ""
