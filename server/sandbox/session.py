"""Related requests, which go to one process that keeps state for them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping
from typing import Any

from server.sandbox.pool import SandboxPool, SandboxResponse, SandboxWorker

_numbers = itertools.count()


class SandboxSession:
    """A series of requests to one process, which may serve other sessions too. One thread at a time may use it.

    The target gets its number as "session", and once in "forget" after the session has ended or was garbage-collected.
    """

    def __init__(self, pool: SandboxPool) -> None:
        self._number = next(_numbers)
        self._worker = pool.claim()
        self._generation: int | None = None
        self._end = weakref.finalize(self, _end, pool, self._worker, self._number)

    def ask(self, request: Mapping[str, Any], payload: bytes | memoryview = b"") -> SandboxResponse:
        """Returns the response. Raises WorkerCrashed when the process ends on this request, WorkerLost when it ended
        before."""
        request = {**request, "session": self._number}
        answer = self._worker.ask(request, payload, generation=self._generation)
        self._generation = answer.generation
        return answer

    def end(self) -> None:
        """Ends the session. Ending it again is allowed."""
        self._end()


def _end(pool: SandboxPool, worker: SandboxWorker, number: int) -> None:
    worker.ended_sessions.append(number)
    pool.release(worker)
