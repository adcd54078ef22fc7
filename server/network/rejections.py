"""Counts the requests that end before the application sees them.

What such a request asked for is not known for certain, so each is counted as a call for audio: its endpoint is the path
in its first line if that is a speech endpoint, else ``other``. A connection that sent no byte is no request, except one
that was refused because all connections were in use.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection

from otel.contract.labels import OTHER
from otel.contract.values import Outcome
from server.errors import SpeechError
from server.middleware.endpoints import Endpoints
from server.record import CLIENT_LEFT, RequestRecord


class Rejections:
    """Reports each request that a port's connections reject or lose, once."""

    def __init__(self, report: Callable[[RequestRecord], None], endpoints: Collection[str]) -> None:
        """``endpoints`` are the paths of the speech endpoints."""
        self._report = report
        self._endpoints = Endpoints(endpoints)

    def reject(self, method: str, path: str, error: SpeechError) -> str:
        """Reports a request that is answered with ``error``; returns its id. Unknown parts of its line are empty."""
        record = self._record(method, path)
        record.finish(Outcome.REJECTED, error.status, error)
        self._report(record)
        return record.request_id

    def leave(self, method: str, path: str) -> None:
        """Reports a request whose connection ended before it could be answered."""
        record = self._record(method, path)
        record.finish(Outcome.CANCELLED, CLIENT_LEFT)
        self._report(record)

    def speaks(self, path: str) -> bool:
        """Returns whether ``path`` is a speech endpoint."""
        return bool(self._endpoints.of(path))

    def _record(self, method: str, path: str) -> RequestRecord:
        endpoint = self._endpoints.of(path) or OTHER
        return RequestRecord(str(uuid.uuid4()), endpoint=endpoint, method=method or OTHER)


def uncounted() -> Rejections:
    """Returns the rejections of a port without speech endpoints, which are not reported."""
    return Rejections(lambda _: None, ())
