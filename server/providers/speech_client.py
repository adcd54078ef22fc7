"""An HTTP client of OpenAI's /audio/speech that trusts nobody: every wait ends, and no word of the server gets out."""

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

from server.errors import EngineFailed, ShuttingDown, SpeechError

BUFFER_BYTES = 1 << 16
"""Of an answer, unread; at twice that aiohttp stops reading, and TCP stops the sender."""
LONGEST_RETRY_AFTER = 2
"""Seconds; another provider speaks sooner than a server that asks for more."""
JITTER = (0.05, 0.15)
"""Seconds before a request is sent again, drawn anew each time, so that those that failed together return apart."""
CHECK_SECONDS = 3.0
"""For the list of models, after the connection: a server that takes longer would not speak in time either."""

LOOK_SECONDS = 0.5
"""Of silence before the connection is looked at. When aiohttp 3.14 can't read the size of a chunk in the middle of an
answer, it closes the connection, and tells nobody who is waiting already."""

_AGAIN = frozenset({429, 502, 503})
_KEY_REFUSED = frozenset({401, 403})
_WITHOUT_MODELS = frozenset({404, 405})
"""Many servers speak without having OpenAI's list of models: it is enough that they answer."""
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
"""What is said of a failure; the first that fits. Its own words may hold the URL, or what the server sent."""


class SpeechClient:
    """Asks one server for speech.

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
        """``connect_seconds`` is the time for a connection, with the look-up of the name; ``read_seconds`` for the
        answer's header after that; ``retries`` how often a request is sent again that was refused before any audio."""
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
        """Asks nothing of the server yet. Raises EngineFailed for a base URL or key that no request can have."""
        self._url = _parsed(self._base_url)
        headers = {"Accept-Encoding": "identity"}
        if self._key:
            if not re.fullmatch(r"[\x21-\x7e]+", self._key):
                raise EngineFailed("the remote server's key has characters that can't be sent in a header")
            headers["Authorization"] = f"Bearer {self._key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),  # whoever asks decides how much at once
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=self._connect_seconds),
            read_bufsize=BUFFER_BYTES,
            auto_decompress=False,  # nothing compressed was asked for, and it could become any size
            trust_env=False,  # no proxy sees the key, and no file has another
        )

    async def check(self) -> None:
        """Asks for the list of models, which costs the server next to nothing. Raises EngineFailed."""
        try:
            response = await self._request("GET", "models", CHECK_SECONDS)
        except _FAILURES as error:
            raise self._failed(_reason(error)) from None
        response.close()
        if response.status != 200 and response.status not in _WITHOUT_MODELS:
            raise self._failed(_refusal(response.status))

    @asynccontextmanager
    async def speech(self, body: Mapping[str, object], headers: Mapping[str, str]) -> AsyncIterator[Answer]:
        """An answer that claims to be audio; whoever leaves it before its end hangs up.

        Raises EngineFailed, and ShuttingDown after ``close``.
        """
        retries = self._retries
        while True:
            try:
                response = await self._post(body, headers)
                break
            except _Refused as refused:
                if not retries:
                    raise self._failed(refused.reason) from None
                pause = refused.pause + random.uniform(*JITTER)  # noqa: S311 - it spreads load, it guards nothing
            retries -= 1
            self._log.info("the remote server did not take a request, it is sent again")
            await asyncio.sleep(pause)
        try:
            yield Answer(response, self)
        finally:
            response.close()

    async def close(self) -> None:
        """Hangs up; whoever still waits gets ShuttingDown, within LOOK_SECONDS."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    async def _post(self, body: Mapping[str, object], headers: Mapping[str, str]) -> aiohttp.ClientResponse:
        """The answer, with its body unread. Raises _Refused when it may help to ask again, else EngineFailed."""
        try:
            response = await self._request("POST", "audio/speech", self._read_seconds, body, headers)
        except _FAILURES as error:
            if _is_reset(error):
                raise _Refused(_reason(error)) from None
            raise self._failed(_reason(error)) from None
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
            raise self._failed(problem)
        raise _Refused(problem, pause)

    async def _request(
        self,
        method: str,
        path: str,
        seconds: float,
        body: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        """The answer's header, within ``seconds`` after the connection. Raises what is in _FAILURES."""
        if self._session is None or self._closed:
            raise self._failed("is not set up yet")
        try:
            # A limit of our own: aiohttp's begins anew with every byte.
            async with asyncio.timeout(self._connect_seconds + seconds):
                return await self._session.request(
                    method, self._url / path, json=body, headers=headers, allow_redirects=False
                )
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._closed and task is not None and not task.cancelling():
                raise self._failed(
                    "hung up"
                ) from None  # the look-up of the name was cancelled by close, not the caller
            raise

    def _failed(self, reason: str) -> SpeechError:
        if self._closed:
            return ShuttingDown("the server is shutting down")
        return EngineFailed(f"the remote server {reason}")


class Answer:
    """The body of an answer, as it comes."""

    def __init__(self, response: aiohttp.ClientResponse, client: SpeechClient) -> None:
        self._response = response
        self._client = client

    async def read(self, deadline: float) -> bytes:
        """What has come, at least a byte; nothing at the end. ``deadline`` is a time of the event loop.

        Raises EngineFailed, also for an answer that was cut off, and ShuttingDown.
        """
        clock = asyncio.get_running_loop().time
        while True:
            try:
                async with asyncio.timeout_at(min(deadline, clock() + LOOK_SECONDS)):
                    return await self._response.content.readany()
            except TimeoutError:
                if clock() >= deadline:
                    raise self._client._failed("fell silent in the middle of its answer") from None
            except RuntimeError:  # how aiohttp refuses to wait for more of a connection that is gone
                raise self._client._failed("broke off its answer") from None
            except _FAILURES as error:
                raise self._client._failed(_reason(error)) from None


class _Refused(Exception):
    """No audio came, but may when it is asked for again."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.pause = pause
        """Seconds to wait before."""


def _parsed(base_url: str) -> URL:
    """Raises EngineFailed for what no server can be reached by."""
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
    """Seconds until it is worth asking again; None if it is not."""
    if status not in _AGAIN:
        return None
    if retry_after is None:
        return None if status == 429 else 0.0  # without a time, a server with too much to do is left alone
    seconds = int(retry_after) if re.fullmatch(r"[0-9]{1,9}", retry_after) else LONGEST_RETRY_AFTER + 1
    return float(seconds) if seconds <= LONGEST_RETRY_AFTER else None
