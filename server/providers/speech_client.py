"""A client of OpenAI's /audio/speech that does not trust the server: every wait ends, and none of its words get out."""

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
"""The unread bytes of a response; at twice as many aiohttp stops reading, and TCP stops the sender."""
LONGEST_RETRY_AFTER = 2
"""Seconds. When a server asks for more, another provider speaks sooner."""
JITTER = (0.05, 0.15)
"""Seconds before a request is sent again, drawn at random, so that requests that failed together are spread."""
CHECK_SECONDS = 3.0
"""The time for the list of models, after the connection: a slower server would not speak in time either."""

LOOK_SECONDS = 0.5
"""Seconds of silence before the connection is checked. When aiohttp 3.14 can't read the size of a chunk in the middle
of a response, it closes the connection without waking the reader that waits already."""

_RETRY_STATUSES = frozenset({429, 502, 503})
_KEY_REFUSED = frozenset({401, 403})
_WITHOUT_MODELS = frozenset({404, 405})
"""Many servers speak without having OpenAI's list of models: any response is enough."""
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
"""The reasons for failures; the first that fits is used. An exception's own words may hold the URL or the server's
data."""


class SpeechClient:
    """Requests speech from one server.

    Its errors name a status or a reason, never the URL, the key, the text, or anything that the server wrote.
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
        """``connect_seconds`` is the time for a connection, including the look-up of the name; ``read_seconds`` is the
        time for the response's header after that. ``retries`` is how often a request is sent again that was refused
        before any audio."""
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
        """Prepares requests and sends none. Raises EngineFailed for a base URL or key that no request can have."""
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
            auto_decompress=False,  # nothing compressed was asked for, and it could become any size
            trust_env=False,  # no proxy sees the key, and no file has another
        )

    async def check(self) -> None:
        """Requests the list of models, which costs the server next to nothing. Raises EngineFailed."""
        try:
            response = await self._request("GET", "models", CHECK_SECONDS)
        except _FAILURES as error:
            raise self.failure(_reason(error)) from None
        response.close()
        if response.status != 200 and response.status not in _WITHOUT_MODELS:
            raise self.failure(_refusal(response.status))

    @asynccontextmanager
    async def speech(self, body: Mapping[str, object], headers: Mapping[str, str]) -> AsyncIterator[SpeechResponse]:
        """Opens a response that claims to be audio; leaving it before its end closes the connection.

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
                pause = refusal.pause + random.uniform(*JITTER)  # noqa: S311 - it spreads load, it guards nothing
            retries -= 1
            self._log.info("the remote server did not take a request, it is sent again")
            await asyncio.sleep(pause)
        try:
            yield SpeechResponse(response, self)
        finally:
            response.close()

    async def close(self) -> None:
        """Closes the connections; requests that wait fail with ShuttingDown, within LOOK_SECONDS."""
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
        """Returns the response's header, within ``seconds`` after the connection. Raises what is in _FAILURES."""
        if self._session is None or self._closed:
            raise self.failure("is not set up yet")
        try:
            # A limit of our own: aiohttp's begins anew with every byte.
            async with asyncio.timeout(self._connect_seconds + seconds):
                return await self._session.request(
                    method, self._url / path, json=body, headers=headers, allow_redirects=False
                )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise self.failure(
                    "hung up"
                ) from None  # the look-up of the name was cancelled by close, not the caller
            raise

    def failure(self, reason: str) -> SpeechError:
        """Returns the error to raise: ShuttingDown after ``close``, else EngineFailed with ``reason``."""
        if self._closed:
            return ShuttingDown("the server is shutting down")
        return EngineFailed(f"the remote server {reason}")


class SpeechResponse:
    """The body of a response, as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, client: SpeechClient) -> None:
        self._response = response
        self._client = client

    async def read(self, deadline: float) -> bytes:
        """Returns the bytes that have come, at least one; none at the end. ``deadline`` is a time of the event loop.

        Raises EngineFailed, also for a response that was cut off, and ShuttingDown.
        """
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, clock() + LOOK_SECONDS)):
                    return await self._response.content.readany()
            except TimeoutError:
                if clock() >= deadline:
                    raise self._client.failure("fell silent in the middle of its answer") from None
            except RuntimeError:  # aiohttp's way to say that the connection is closed
                raise self._client.failure("broke off its answer") from None
            except _FAILURES as error:
                raise self._client.failure(_reason(error)) from None


class _Refused(ComponentError):
    """No audio came, but a retry may help."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause
        """Seconds to wait before the retry."""


def _parsed(base_url: str) -> URL:
    """Returns the URL. Raises EngineFailed for one that can't be a server's."""
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
    """Whether the connection was refused, or ended before a byte of an answer had come."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)  # else it is the part of an answer that had come
    return isinstance(error, aiohttp.ClientOSError) and error.errno in _RESETS


def _pause(status: int, retry_after: str | None) -> float | None:
    """Returns the seconds until a retry; None when none may help."""
    if status not in _RETRY_STATUSES:
        return None
    if retry_after is None:
        return None if status == 429 else 0.0  # an overloaded server that gives no time gets no retry
    seconds = int(retry_after) if re.fullmatch(r"[0-9]{1,9}", retry_after) else LONGEST_RETRY_AFTER + 1
    return float(seconds) if seconds <= LONGEST_RETRY_AFTER else None
