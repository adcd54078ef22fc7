"""A client of OpenAI's /audio/speech that does not trust the server.

Every wait has a timeout, and no error or log contains anything that the server wrote.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import random
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp.http import HttpProcessingError
from yarl import URL

from server.errors import ComponentError, EngineFailed, ShuttingDown, SpeechError

BUFFER_BYTES = 1 << 16
"""The buffer of a response; at twice as many unread bytes aiohttp stops reading, and TCP's backpressure stops the
sender."""
LONGEST_RETRY_AFTER = 2
"""The longest Retry-After in seconds that is obeyed: above it, a fallback is faster."""
JITTER = (0.05, 0.15)
"""Random seconds before a retry, which spread requests that failed together."""
CHECK_SECONDS = 3.0
"""Timeout of the list of models, after connecting: a slower server would not speak in time either."""

LOOK_SECONDS = 0.5
"""Seconds without data before the connection is checked. When aiohttp 3.14 can't parse a chunk size in the middle of a
response, it closes the connection without waking a waiting reader."""

_RETRY_STATUSES = frozenset({429, 502, 503})
_KEY_REFUSED = frozenset({401, 403})
_WITHOUT_MODELS = frozenset({404, 405})
"""Statuses of servers without OpenAI's list of models, of which there are many: the response itself is enough."""
_RESETS = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.EPIPE})
_FAILURES = (aiohttp.ClientError, HttpProcessingError, TimeoutError)
_REASONS: tuple[tuple[type[Exception], str], ...] = (
    (aiohttp.ConnectionTimeoutError, "did not accept the connection in time"),
    (TimeoutError, "did not answer in time"),
    (aiohttp.ClientConnectorDNSError, "can't be found under its name"),
    (aiohttp.ClientSSLError, "can't be trusted: TLS failed"),
    (aiohttp.ClientConnectorError, "can't be reached"),
    (aiohttp.ClientPayloadError, "broke off its answer"),
    (aiohttp.ClientConnectionError, "hung up"),
    (aiohttp.ClientResponseError, "gave an answer that is not HTTP"),
    (HttpProcessingError, "gave an answer that is not HTTP"),
)
"""The reasons of failures; the first match is used. An exception's own message may contain the URL or the server's
data."""


class SpeechClient:
    """Requests speech from one server.

    Its errors contain a status or a reason, never the URL, the key, the text, or anything that the server wrote.
    """

    def __init__(
        self,
        base_url: str,
        key: str | None,
        *,
        connect_seconds: float,
        read_seconds: float,
        retries: int,
        log: logging.Logger,
    ) -> None:
        """``connect_seconds`` is the timeout of a connection, including DNS; ``read_seconds`` is the timeout of the
        response's header after that. ``retries`` is how often a request that was refused before any audio is
        retried."""
        self._base_url = base_url
        self._key = key
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._retries = retries
        self._log = log
        self._url = URL()
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def start(self) -> None:
        """Prepares the session and sends no request. Raises EngineFailed for an invalid base URL or key."""
        self._url = _parsed(self._base_url)
        headers = {"Accept-Encoding": "identity"}
        if self._key:
            if not re.fullmatch(r"[\x21-\x7e]+", self._key):
                raise EngineFailed("the remote server's key has characters that can't be sent in a header")
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # the caller limits concurrency
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
            read_bufsize=BUFFER_BYTES,
            auto_decompress=False,  # none was requested, and it could expand to any size
            trust_env=False,  # no proxy may see the key, and no netrc file may replace it
        )

    async def check(self) -> None:
        """Requests the list of models, which is cheap for the server. Raises EngineFailed."""
        try:
            response = await self._request("GET", "models", CHECK_SECONDS)
        except _FAILURES as error:
            raise self.failure(_reason(error)) from None
        response.close()
        if response.status != 200 and response.status not in _WITHOUT_MODELS:
            raise self.failure(_refusal(response.status))

    @asynccontextmanager
    async def speech(self, body: Mapping[str, object], headers: Mapping[str, str]) -> AsyncIterator[SpeechResponse]:
        """Opens a response whose content type is audio; leaving it before its end closes the connection.

        Raises EngineFailed, and ShuttingDown after ``close``.
        """
        retries = self._retries
        while True:
            try:
                response = await self._post(body, headers)
                break
            except _Refused as refusal:
                if not retries:
                    raise self.failure(refusal.reason) from None
                pause = refusal.pause + random.uniform(*JITTER)  # noqa: S311 - for jitter, not for security
            retries -= 1
            self._log.info("the remote server did not take a request, it is sent again")
            await asyncio.sleep(pause)
        try:
            yield SpeechResponse(response, self)
        finally:
            response.close()

    async def close(self) -> None:
        """Closes the connections; waiting requests fail with ShuttingDown within LOOK_SECONDS."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: Mapping[str, object], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """Returns the response with its body unread. Raises _Refused when a retry may help, else EngineFailed."""
        try:
            response = await self._request("POST", "audio/speech", self._read_seconds, body, headers)
        except _FAILURES as error:
            if _is_reset(error):
                raise _Refused(_reason(error)) from None
            raise self.failure(_reason(error)) from None
        status = response.status
        if status != 200:
            problem = _refusal(status)
        elif not response.content_type.startswith("audio/"):
            problem = "gave an answer that is not audio"
        elif response.headers.get("Content-Encoding", "identity") != "identity":
            problem = "gave a compressed answer, which was not asked for"
        else:
            return response
        pause = _pause(status, response.headers.get("Retry-After"))
        response.close()
        if pause is None:
            raise self.failure(problem)
        raise _Refused(problem, pause)

    async def _request(
        self,
        method: str,
        path: str,
        seconds: float,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """Returns the response with its header read, within ``seconds`` after connecting. Raises _FAILURES."""
        if self._session is None or self._closed:
            raise self.failure("is not set up yet")
        try:
            # Our own timeout, since aiohttp's restarts with every byte.
            async with asyncio.timeout(self._connect_seconds + seconds):
                return await self._session.request(
                    method, self._url / path, json=body, headers=headers, allow_redirects=False
                )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise self.failure("hung up") from None  # close() cancelled the DNS look-up, not the caller
            raise

    def failure(self, reason: str) -> SpeechError:
        """Returns the error to raise: ShuttingDown after ``close``, else EngineFailed with ``reason``."""
        if self._closed:
            return ShuttingDown("the server is shutting down")
        return EngineFailed(f"the remote server {reason}")


class SpeechResponse:
    """The body of a response, read as it arrives."""

    def __init__(self, response: aiohttp.ClientResponse, client: SpeechClient) -> None:
        self._response = response
        self._client = client

    async def read(self, deadline: float) -> bytes:
        """Returns the bytes received, at least one; none at the end. ``deadline`` is in the event loop's seconds.

        Raises EngineFailed, also for a truncated response, and ShuttingDown.
        """
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, clock() + LOOK_SECONDS)):
                    return await self._response.content.readany()
            except TimeoutError:
                if clock() >= deadline:
                    raise self._client.failure("fell silent in the middle of its answer") from None
            except RuntimeError:  # how aiohttp reports a closed connection
                raise self._client.failure("broke off its answer") from None
            except _FAILURES as error:
                raise self._client.failure(_reason(error)) from None


class _Refused(ComponentError):
    """The server sent no audio, but a retry may help."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause
        """Seconds to wait before the retry."""


def _parsed(base_url: str) -> URL:
    """Returns the parsed base URL. Raises EngineFailed for an invalid one."""
    try:
        url = URL(base_url)
        possible = url.scheme in {"http", "https"} and bool(url.host) and url.port != 0
    except ValueError:
        possible = False
    if not possible or url.user is not None or url.password is not None or url.query_string or url.fragment:
        raise EngineFailed("the remote server's base URL must be like http://host:8000/v1")
    return url


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError) and error.errno == errno.ECONNREFUSED:
        return "refused the connection"
    return next((reason for kind, reason in _REASONS if isinstance(error, kind)), "could not be asked")


def _refusal(status: int) -> str:
    if status in _KEY_REFUSED:
        return f"refused the key (status {status})"
    return f"answered with status {status}"


def _is_reset(error: Exception) -> bool:
    """Whether the connection was refused, or was closed before the first byte of a response."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the part of the response that had arrived
    return isinstance(error, aiohttp.ClientOSError) and error.errno in _RESETS


def _pause(status: int, retry_after: str | None) -> float | None:
    """Returns the seconds until a retry; None when a retry would not help."""
    if status not in _RETRY_STATUSES:
        return None
    if retry_after is None:
        return None if status == 429 else 0.0  # an overloaded server without Retry-After gets no retry
    seconds = int(retry_after) if re.fullmatch(r"[0-9]{1,9}", retry_after) else LONGEST_RETRY_AFTER + 1
    return float(seconds) if seconds <= LONGEST_RETRY_AFTER else None
