"""A few warm processes for one native library, each replaced at once when it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from server.errors import ComponentError
from server.logs import LOGGER
from server.sandbox import wire
from server.sandbox.fork_server import ForkFailed, ForkServer, SandboxedProcess
from server.sandbox.limits import SandboxLimits

MAX_REQUESTS = 10_000
"""The number of requests after which a process is replaced, which bounds a native library's leaks and hidden damage."""

log = logging.getLogger(f"{LOGGER}.sandbox")


class WorkerCrashed(ComponentError):
    """The process ended on this request, by a crash or a limit. The request would end another process too."""


class WorkerLost(ComponentError):
    """The process was ended from outside, or none could be started. The request is not the cause."""


class SandboxResponse(NamedTuple):
    """The response of a process."""

    message: dict[str, Any]
    payload: bytes
    generation: int
    """The generation of the process."""


class SandboxPool:
    """Processes that run one target. Any thread may call it; a call blocks while its process is busy."""

    def __init__(self, name: str, target: str, size: int, limits: SandboxLimits) -> None:
        """``name`` is a value of the label ``worker``; for ``target`` see ForkServer."""
        self.name = name
        self.restarted: Callable[[], object] = lambda: None
        """Called in the thread of the request when a process has ended by itself and was replaced."""
        self._fork_server = ForkServer(target)
        self._lock = threading.Lock()
        self._workers = [SandboxWorker(self, limits) for _ in range(size)]

    @property
    def fork_server(self) -> ForkServer:
        return self._fork_server

    @property
    def workers(self) -> tuple[SandboxWorker, ...]:
        return tuple(self._workers)

    def start(self) -> None:
        """Starts every process before the first request. Raises WorkerLost when one can't be started."""
        for worker in self._workers:
            worker.start()

    def ask(self, request: wire.Message, payload: bytes | memoryview = b"") -> SandboxResponse:
        """Sends a request to the least busy process and returns the response.

        When the process is ended from outside, its replacement gets the request, since the end of the fork server also
        ends all other processes. Raises WorkerCrashed, and WorkerLost when the second attempt is lost too.
        """
        with self.least_busy() as worker:
            try:
                return worker.ask(request, payload)
            except WorkerLost:
                return worker.ask(request, payload)

    @contextmanager
    def least_busy(self) -> Iterator[SandboxWorker]:
        """Claims the least busy worker while the context is open."""
        worker = self.claim()
        try:
            yield worker
        finally:
            self.release(worker)

    def claim(self) -> SandboxWorker:
        """Returns the least busy worker and increases its load by one until ``release``."""
        with self._lock:
            worker = min(self._workers, key=lambda each: each.load)
            worker.load += 1
            return worker

    def release(self, worker: SandboxWorker) -> None:
        with self._lock:
            worker.load -= 1

    def close(self) -> None:
        """Ends all processes. The next request starts them again."""
        for worker in self._workers:
            worker.close()
        self._fork_server.close()


class SandboxWorker:
    """One process at a time, which answers one request at a time."""

    def __init__(self, pool: SandboxPool, limits: SandboxLimits) -> None:
        self.load = 0
        """The number of waiting and running requests, and of sessions that have claimed it."""
        self.generation = 0
        """Increases with each process, so that sessions notice when their process was replaced."""
        self.ended_sessions: deque[int] = deque()
        """The numbers of ended sessions, which are sent with the next request."""
        self._pool = pool
        self._limits = limits
        self._lock = threading.Lock()
        self._process: SandboxedProcess | None = None
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The process id, or None."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process if there is none. Raises WorkerLost."""
        with self._lock:
            self._ready()

    def ask(
        self, request: wire.Message, payload: bytes | memoryview = b"", *, generation: int | None = None
    ) -> SandboxResponse:
        """Sends a request to the process and returns the response.

        ``generation`` is the generation that the process must have. Raises WorkerCrashed when the process ends on the
        request, and WorkerLost when it was ended from outside or is of another generation.
        """
        with self._lock:
            process = self._ready(generation)
            if self.ended_sessions:
                request = {
                    **request,
                    "forget": [self.ended_sessions.popleft() for _ in range(len(self.ended_sessions))],
                }
            try:
                deadline = time.monotonic() + self._limits.seconds
                wire.send(process.connection, request, payload)
                message, data = wire.receive(process.connection, deadline)
            except (OSError, EOFError, ValueError) as error:
                raise self._replaced(process, error) from None
            self._requests += 1
            return SandboxResponse(message, data, self.generation)

    def close(self) -> None:
        """Ends the process."""
        with self._lock:
            if self._process is not None:
                self._pool.fork_server.end(self._process)
                self._process = None

    def _ready(self, generation: int | None = None) -> SandboxedProcess:
        if generation is not None and (self._process is None or generation != self.generation):
            raise WorkerLost("the process that began this has ended")
        if self._process is not None and self._requests >= MAX_REQUESTS and generation is None and self.load <= 1:
            self._pool.fork_server.end(self._process)
            self._process = None
        if self._process is None:
            try:
                self._process = self._pool.fork_server.fork(self._limits)
            except ForkFailed as error:
                raise WorkerLost(str(error)) from error
            self.generation += 1
            self._requests = 0
        return self._process

    def _replaced(self, process: SandboxedProcess, error: Exception) -> WorkerCrashed | WorkerLost:
        """Replaces a process that did not answer, and returns the error to raise."""
        late = isinstance(error, TimeoutError | BlockingIOError)
        ended_by = self._pool.fork_server.end(process)
        self._process = None
        reason = "did not answer in time" if late else f"was ended by {ended_by or 'an unknown cause'}"
        log.warning("a sandboxed process is replaced", extra={"worker": self._pool.name, "reason": reason})
        try:
            self._ready()
        except WorkerLost:
            log.error("no sandboxed process can be started", extra={"worker": self._pool.name})
        self._pool.restarted()
        if late or ended_by in {"SIGKILL", None}:  # a process that computes for too long ends by SIGXCPU
            return WorkerLost(f"the process of {self._pool.name} {reason}")
        return WorkerCrashed(f"the process of {self._pool.name} {reason}")
