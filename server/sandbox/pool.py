"""A few warm processes for one native library, each replaced at once when it ends."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from server.logs import LOGGER
from server.sandbox import wire
from server.sandbox.fork_server import ForkFailed, ForkServer, SandboxedProcess
from server.sandbox.limits import SandboxLimits

MAX_REQUESTS = 10_000
"""After which a process is replaced by a new one: what a native library leaks, or has damaged unseen, ends with it."""

log = logging.getLogger(f"{LOGGER}.sandbox")


class WorkerCrashed(Exception):
    """The process ended on this request, by its own fault or a limit: the request would end the next one too."""


class WorkerLost(Exception):
    """The process was ended from outside, or none could be started: the request is not to blame."""


class SandboxResponse(NamedTuple):
    """What a process has answered."""

    message: dict[str, Any]
    payload: bytes
    generation: int
    """Of the process."""


class SandboxPool:
    """Processes that run one target. Any thread may ask; a thread waits while its process is busy."""

    def __init__(self, name: str, target: str, size: int, limits: SandboxLimits) -> None:
        """``name`` is what operators call it: a value of the label ``worker``. ``target``: see ForkServer."""
        self.name = name
        self.restarted: Callable[[], object] = lambda: None
        """Called, by the thread that asked, when a process has ended by itself and was replaced."""
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
        """Has every process ready before the first request. Raises WorkerLost when one can't be started."""
        for worker in self._workers:
            worker.start()

    def ask(self, request: wire.Message, payload: bytes | memoryview = b"") -> SandboxResponse:
        """Has the least busy process answer.

        A process that is ended from outside costs a second attempt, by the one that has replaced it: when the fork
        server has ended, the others have ended with it too. Raises WorkerCrashed, and WorkerLost when the second
        attempt is lost too.
        """
        with self.least_busy() as worker:
            try:
                return worker.ask(request, payload)
            except WorkerLost:
                return worker.ask(request, payload)

    @contextmanager
    def least_busy(self) -> Iterator[SandboxWorker]:
        """The worker with the least to do, which has this to do besides meanwhile."""
        worker = self.claim()
        try:
            yield worker
        finally:
            self.release(worker)

    def claim(self) -> SandboxWorker:
        """Returns the worker with the least to do, which has one thing more to do until ``release``."""
        with self._lock:
            worker = min(self._workers, key=lambda each: each.load)
            worker.load += 1
            return worker

    def release(self, worker: SandboxWorker) -> None:
        with self._lock:
            worker.load -= 1

    def close(self) -> None:
        """Ends all processes; they start again if somebody asks."""
        for worker in self._workers:
            worker.close()
        self._fork_server.close()


class SandboxWorker:
    """One process at a time, which answers one request at a time."""

    def __init__(self, pool: SandboxPool, limits: SandboxLimits) -> None:
        self.load = 0
        """Requests that wait for it or are answered, and whatever else has claimed it."""
        self.generation = 0
        """Grows with each process: what a former one has kept is gone."""
        self.forgotten: deque[int] = deque()
        """Sessions that have ended, which the process is told with the next request."""
        self._pool = pool
        self._limits = limits
        self._lock = threading.Lock()
        self._process: SandboxedProcess | None = None
        self._requests = 0

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Starts the process if there is none. Raises WorkerLost."""
        with self._lock:
            self._ready()

    def ask(
        self, request: wire.Message, payload: bytes | memoryview = b"", *, generation: int | None = None
    ) -> SandboxResponse:
        """Has the process answer.

        ``generation`` is that of the process which must answer. Raises WorkerCrashed when the process ends on the
        request, and WorkerLost when it was ended from outside or is of another generation.
        """
        with self._lock:
            process = self._ready(generation)
            if self.forgotten:
                request = {**request, "forget": [self.forgotten.popleft() for _ in range(len(self.forgotten))]}
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
        """Replaces the process that did not answer, and returns whose fault that was."""
        late = isinstance(error, TimeoutError | BlockingIOError)
        ended_by = self._pool.fork_server.end(process)
        self._process = None
        reason = "did not answer in time" if late else f"was ended by {ended_by or 'nobody knows what'}"
        log.warning("a sandboxed process is replaced", extra={"worker": self._pool.name, "reason": reason})
        try:
            self._ready()
        except WorkerLost:
            log.error("no sandboxed process can be started", extra={"worker": self._pool.name})
        self._pool.restarted()
        if late or ended_by in {"SIGKILL", None}:  # who computes for too long is ended by SIGXCPU
            return WorkerLost(f"the process of {self._pool.name} {reason}")
        return WorkerCrashed(f"the process of {self._pool.name} {reason}")
