"""The HTTP client of a source: every call has a timeout, answers are cached, and errors name the source."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
from cachetools import TTLCache

MAX_BYTES = 32 * 2**20
"""The maximum size of an answer: more than any page can draw."""
MAX_CACHED_ANSWERS = 4096
"""The size of the cache; a page of twenty panels needs about fifty answers."""
RETRY_SECONDS = 3.0
"""The time without calls to a source that was down: else each of a page's panels would wait for its timeout."""
Value = TypeVar("Value")
Parameters = Mapping[str, str | int | float]
"""The query parameters of a call."""


class SourceError(Exception):
    """A source could not answer; the message is shown on the page."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(message)
        self.source = source


class SourceMissing(SourceError):
    """The source has no address."""


class SourceDown(SourceError):
    """The source does not answer, or not in time."""


class SourceRefused(SourceError):
    """The source answers with an error, or with an invalid answer."""


class NotFound(SourceRefused):
    """The source answers with status 404."""


class Source:
    """A server that answers GET with JSON.

    name: its name in messages.
    url: its base; empty if there is no such server.
    """

    def __init__(
        self,
        name: str,
        url: str,
        timeout_seconds: float,
        cache_seconds: float,
        headers: Callable[[], dict[str, str]] = dict,
    ) -> None:
        """``headers`` returns those of each request, beside the usual ones."""
        self.name = name
        self._headers = headers
        self.url = url
        self._client = httpx.Client(
            timeout=timeout_seconds, trust_env=False, headers={"Accept": "application/json"}, follow_redirects=False
        )
        self._answers: TTLCache[object, Any] = TTLCache(MAX_CACHED_ANSWERS, cache_seconds)
        self._lock = threading.Lock()
        self._down: tuple[float, str] = (0.0, "")

    @property
    def address(self) -> str:
        """The URL without a user's name and password, so that it can be shown."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def get(self, path: str, parameters: Parameters | None = None) -> Any:
        """Returns the JSON at ``path``. Raises SourceError."""
        if not self.url:
            raise SourceMissing(self.name, f"{self.name} is not configured: it has no address.")
        until, message = self._down
        if time.monotonic() < until:
            raise SourceDown(self.name, message)
        try:
            status, body = self._read(path, parameters)
        except httpx.TimeoutException:
            raise self._mark_down(f"{self.name} does not answer in time at {self.address}.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise self._mark_down(f"{self.name} does not answer at {self.address}.") from None
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

    def cached(self, key: object, query: Callable[[], Value]) -> Value:
        """Returns the cached answer for this key, or calls ``query`` and caches its answer; errors are not cached."""
        with self._lock:
            if key in self._answers:
                return self._answers[key]  # type: ignore[no-any-return]
        answer = query()
        with self._lock:
            self._answers[key] = answer
        return answer

    def _mark_down(self, message: str) -> SourceDown:
        self._down = (time.monotonic() + RETRY_SECONDS, message)
        return SourceDown(self.name, message)

    def _read(self, path: str, parameters: Parameters | None) -> tuple[int, bytes]:
        with self._client.stream(
            "GET", self.url + path, params=dict(parameters or {}), headers=self._headers()
        ) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > MAX_BYTES:
                    raise SourceRefused(self.name, f"The answer of {self.name} is larger than a page can show.")
            return response.status_code, bytes(body)


def _reason(answer: Any) -> str:
    """Returns the error message in an answer of Prometheus."""
    reason = answer.get("error") if isinstance(answer, dict) else None
    return f": {reason[:300]}" if isinstance(reason, str) else ""
