"""Liveness checks, made in a thread beside the supervisor's loop: a hung program answers late or never."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import Executor, Future
from contextlib import closing
from urllib.parse import urlsplit

from stack.policy import RestartPolicy


def status(url: str, seconds: float) -> int | None:
    """Returns the HTTP status of GET ``url``, never through a proxy; None without an answer within ``seconds``."""
    address = urlsplit(url)
    try:
        with closing(http.client.HTTPConnection(address.hostname or "", address.port, timeout=seconds)) as connection:
            connection.request("GET", address.path or "/")
            return connection.getresponse().status
    except (http.client.HTTPException, OSError, ValueError):  # ValueError for an invalid port
        return None


class Liveness:
    """The checks of one run of a program. Any answer counts: a 503 comes from a program that is alive."""

    def __init__(self, url: str, policy: RestartPolicy, pool: Executor, has_answered_before: bool) -> None:
        """``has_answered_before`` is about earlier runs. Until a program has answered once, silence proves nothing."""
        self.has_answered = False
        self._url, self._policy, self._pool = url, policy, pool
        self._has_answered_before = has_answered_before
        self._begun = self._next = time.monotonic()
        self._missed = 0
        self._check: Future[int | None] | None = None

    def is_hung(self) -> bool:
        """Returns whether the program has missed too many checks in a row; begins the next check when it is due."""
        time_now = time.monotonic()
        if self._check is not None and self._check.done():
            answered = self._check.result() is not None
            self._check = None
            self.has_answered |= answered
            self._missed = 0 if answered else self._missed + 1
        if self._check is None and time_now >= self._next:
            self._check = self._pool.submit(status, self._url, self._policy.check_timeout)
            self._next = time_now + self._policy.check_interval
        if not self.has_answered:
            return self._has_answered_before and time_now - self._begun > self._policy.start_timeout
        return self._missed >= self._policy.missed_checks
