"""The connection to Redis, which may be slow, wrong or gone at any time."""

from __future__ import annotations

import logging
import time

from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

MAX_CONNECTIONS = 16
BACK_OFF_SECONDS = 5.0


class Availability:
    """Whether an operation on Redis works and, if not, when to retry it. A failure is logged once, and its end."""

    def __init__(self, logger: logging.Logger, trouble: str, consequence: str, back_off_seconds: float) -> None:
        """``trouble`` and ``consequence`` are parts of a sentence: "the shared cache can't be reached", "speech goes on
        without it"."""
        self._logger = logger
        self._trouble = trouble
        self._consequence = consequence
        self._back_off_seconds = back_off_seconds
        self._next_try = 0.0
        self.well = True

    def usable(self) -> bool:
        """Whether to try now. After a failure one caller may retry per back-off, the others once it has succeeded."""
        if self.well:
            return True
        moment = time.monotonic()
        if moment < self._next_try:
            return False
        self._next_try = moment + self._back_off_seconds
        return True

    def failed(self, error: Exception) -> None:
        self._next_try = time.monotonic() + self._back_off_seconds
        if self.well:
            self.well = False
            # Only the class: the message of a connection error contains the address.
            self._logger.warning("%s, %s: %s", self._trouble, self._consequence, type(error).__name__)

    def worked(self) -> None:
        if not self.well:
            self.well = True
            self._logger.info("it is no longer so that %s", self._trouble)


def connection_pool(url: str) -> BlockingConnectionPool:
    """Returns a pool that is not connected yet. Raises ValueError without the URL, which may hold a password."""
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=MAX_CONNECTIONS,
            timeout=None,  # the caller that waits for a connection has a timeout
            protocol=2,  # nothing to negotiate
            retry=Retry(NoBackoff(), 1),  # once, immediately: an idle connection may have been closed
        )
        pool.make_connection()  # type: ignore[no-untyped-call]  # does not connect, but rejects unknown options
    except (ValueError, TypeError):
        raise ValueError("the URL of Redis must be redis://, rediss:// or unix://, with valid options") from None
    return pool
