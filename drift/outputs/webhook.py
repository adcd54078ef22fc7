"""Tells a webhook when drift begins, changes or ends: at least once each, with a key that tells repetitions apart."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from typing import Any

ATTEMPTS = 3
BACKOFF_SECONDS = 0.5
"""Before the second attempt; four times as long before each further one."""
ATTEMPT_SECONDS = 5.0
NAMESPACE = uuid.UUID("0b1d9a52-6a8f-5c0e-9a43-2f0c8f1a7d11")
"""Of the keys' UUIDs, version 5 of RFC 9562; chosen once, by chance."""
RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})


class WebhookError(Exception):
    """It was not told; the message says why, and never the address, which may hold a secret."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET that tells nothing, maybe to somebody else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Webhook:
    """The address that is told."""

    def __init__(self, url: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._url = url
        self._sleep = sleep
        self._opener = urllib.request.build_opener(_NoRedirect)

    @property
    def shown(self) -> str:
        """The address without what may be secret: path, query, name and password."""
        parts = urllib.parse.urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def tell(self, message: Mapping[str, Any], key: str) -> None:
        """POSTs ``message``; equal ``key``: the same message once more. Raises WebhookError."""
        body = json.dumps(message, allow_nan=False).encode()
        request = urllib.request.Request(  # noqa: S310 - http or https, by the settings
            self._url, body, {"Content-Type": "application/json", "Idempotency-Key": key, "User-Agent": "ttscope-drift"}
        )
        self._authorize(request)
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(BACKOFF_SECONDS * 4 ** (attempt - 1))
            problem, final = self._attempt(request)
            if not problem:
                return
            if final:
                break
        raise WebhookError(problem)

    def _attempt(self, request: urllib.request.Request) -> tuple[str, bool]:
        """What is wrong, empty if nothing is; and whether it would be wrong next time too."""
        try:
            with self._opener.open(request, timeout=ATTEMPT_SECONDS):
                return "", False
        except urllib.error.HTTPError as error:
            error.close()
            return f"it answered {error.code}", error.code not in RETRIED
        except (OSError, http.client.HTTPException, ValueError) as error:
            # URLError holds the cause; of either only the kind is said, as its text may hold the address.
            cause = getattr(error, "reason", error)
            return f"it can't be reached ({type(cause).__name__})", False

    def _authorize(self, request: urllib.request.Request) -> None:
        """Name and password of the address become a header, as urllib would take them for a part of the host."""
        import base64

        parts = urllib.parse.urlsplit(self._url)
        if parts.username is None:
            return
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request.add_header("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}")
        request.full_url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def key(window: str, transition: str) -> str:
    """The key of a message: the same for every repetition, another for every other message."""
    return str(uuid.uuid5(NAMESPACE, f"{window} {transition}"))
