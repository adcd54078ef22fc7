"""Posts a message to a webhook at least once, with a key by which the receiver recognises repetitions."""

from __future__ import annotations

import json
import ssl
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx
import stamina

ATTEMPTS = 3
BACKOFF_SECONDS = 0.5
"""The wait before the second attempt; it is four times as long before the third."""
BACKOFF_FACTOR = 4
ATTEMPT_SECONDS = 5.0
"""The timeout of the connection, and of each further step of an attempt."""
NAMESPACE = uuid.UUID("0b1d9a52-6a8f-5c0e-9a43-2f0c8f1a7d11")
"""The namespace of the keys, which are UUIDs of version 5 by RFC 9562; chosen once at random."""
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class WebhookError(Exception):
    """The message was not delivered; the text gives the reason, but never the address, which may hold a secret."""


class _TemporaryError(WebhookError):
    """An attempt failed, but the next one may succeed."""


class Webhook:
    """A webhook's address, and the client that posts to it."""

    def __init__(self, url: str, *, attempt_seconds: float = ATTEMPT_SECONDS) -> None:
        self._url = url
        self._attempt_seconds = attempt_seconds

    @property
    def shown(self) -> str:
        """The address without what may be secret: path, query, name and password."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def post(self, message: Mapping[str, Any], key: str) -> None:
        """Posts ``message`` as JSON; an equal ``key`` marks a repetition. Raises WebhookError."""
        body = json.dumps(message, allow_nan=False).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "ttscope-drift"}
        for attempt in stamina.retry_context(
            on=_TemporaryError,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=BACKOFF_SECONDS,
            wait_exp_base=BACKOFF_FACTOR,
            wait_jitter=0,
        ):
            with attempt:
                self._attempt(body, headers)

    def _attempt(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Posts once, without following redirects: a redirected POST would become a GET, perhaps to another party.

        The address's name and password become a header. Certificates are checked against the system's store.
        """
        try:
            verify = ssl.create_default_context()
            with (
                httpx.Client(verify=verify, timeout=self._attempt_seconds, follow_redirects=False) as client,
                client.stream("POST", self._url, content=body, headers=headers) as response,
            ):
                status = response.status_code  # the body is not read, as it may be endless
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            # Only the type is reported, since the text may contain the address.
            raise _TemporaryError(f"it can't be reached ({type(error).__name__})") from None
        if not httpx.codes.is_success(status):
            raise (_TemporaryError if status in RETRIED else WebhookError)(f"it answered {status}")


def key(window: str, transition: str) -> str:
    """Returns the key of a message, which is the same for every repetition and different for other messages."""
    return str(uuid.uuid5(NAMESPACE, f"{window} {transition}"))
