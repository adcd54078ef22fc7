"""Requests that belong together: they stay with one process, which keeps something for them."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Mapping
from typing import Any

from server.sandbox.pool import SandboxPool, SandboxResponse, SandboxWorker

_numbers = itertools.count()


class SandboxSession:
    """A number that one process knows, among others. One thread at a time may ask.

    The target gets it as "session", and once in "forget" when the session has ended or nobody holds it any more.
    """

    def __init__(self, pool: SandboxPool) -> None:
        self._number = next(_numbers)
        self._worker = pool.claim()
        self._generation: int | None = None
        self._end = weakref.finalize(self, _end, pool, self._worker, self._number)

    def ask(self, request: Mapping[str, Any], payload: bytes | memoryview = b"") -> SandboxResponse:
        """Raises WorkerCrashed when the process ends on this request, WorkerLost when it has ended before."""
        request = {**request, "session": self._number}
        answer = self._worker.ask(request, payload, generation=self._generation)
        self._generation = answer.generation
        return answer

    def end(self) -> None:
        """Has the process forget the session. Ending it again is allowed."""
        self._end()


def _end(pool: SandboxPool, worker: SandboxWorker, number: int) -> None:
    worker.forgotten.append(number)
    pool.release(worker)
