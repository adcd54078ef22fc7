"""Runs services as child processes: starts them, waits until they are ready, restarts them, and stops them in order."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stack.child import Child, Say, describe_exit
from stack.liveness import status
from stack.log_file import LogFile
from stack.policy import RestartPolicy
from stack.services import Service

POLL_SECONDS = 0.2
READY_ANSWER_SECONDS = 2.0
CHECKERS = 8
"""Threads that check programs for liveness: one for each, so that a hung program delays no other check."""


class ServiceError(Exception):
    """A service has died or does not become ready; the message ends with its last output."""


class Supervisor:
    """Owns the processes; each writes to ``logs_folder``/NAME.log, the run before it is in NAME.log.1.

    A ready-made supervisor (honcho) stops all programs at the same instant, so the server's last export would find no
    Collector. One thread calls all methods and has to live as long as the programs: they end with it.
    """

    def __init__(self, logs_folder: Path, say: Say = print, policy: RestartPolicy | None = None) -> None:
        self._logs_folder = logs_folder
        self._logs_folder.mkdir(parents=True, exist_ok=True)
        self._say = say
        self._policy = policy or RestartPolicy()
        self._pool = ThreadPoolExecutor(CHECKERS, thread_name_prefix="liveness")
        self._children: dict[str, Child] = {}

    def log(self, name: str) -> Path:
        """Returns the log file of the service ``name``."""
        return self._logs_folder / f"{name}.log"

    def pid(self, name: str) -> int:
        """Returns the process id of the service ``name``."""
        return self._children[name].pid

    def restarts(self, name: str) -> int:
        """Returns how often the service ``name`` was restarted."""
        return self._children[name].restarts

    def start(self, services: Iterable[Service]) -> None:
        """Starts ``services``."""
        for service in services:
            log = LogFile(self.log(service.name))
            self._children[service.name] = Child(service, log, self._policy, self._pool, self._say)

    def is_ready(self, name: str) -> bool:
        """Returns whether the service answers 200 at its ready_url. Raises ServiceError if it has died."""
        self.check()
        url = self._children[name].service.ready_url
        return url is None or status(url, READY_ANSWER_SECONDS) == 200

    def check(self) -> None:
        """Raises ServiceError if any service has died."""
        for name, child in self._children.items():
            code = child.poll()
            if code is not None:
                raise ServiceError(f"{name} {describe_exit(code)}; its last output:\n{self._tail(name)}")

    def tend(self) -> None:
        """Restarts services that have ended or hang, each on its own. Call it several times a second."""
        for child in self._children.values():
            child.tend(child.poll())

    def stop(self, *names: str) -> None:
        """Sends all named services SIGTERM, waits, and kills those that take too long."""
        stopping = [self._children.pop(name) for name in names if name in self._children]
        for child in stopping:
            child.signal(signal.SIGTERM)
        for child in stopping:
            child.wait(child.service.stop_seconds)

    def kill(self, *names: str) -> None:
        """Ends the services at once, as a crash would."""
        for name in names:
            if name in self._children:
                self._children.pop(name).kill()

    @property
    def names(self) -> tuple[str, ...]:
        """The services that were started and not stopped."""
        return tuple(self._children)

    def wait_until_ready(self, seconds: float, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Returns when every service is ready or ``is_given_up`` returns True. Raises ServiceError."""
        deadline = time.monotonic() + seconds
        waiting = list(self._children)
        while not is_given_up() and (waiting := [name for name in waiting if not self.is_ready(name)]):
            if time.monotonic() > deadline:
                name = waiting[0]
                raise ServiceError(f"{name} is not ready after {seconds:.0f} s; its last output:\n{self._tail(name)}")
            time.sleep(POLL_SECONDS)

    def _tail(self, name: str) -> str:
        log = self._children[name].log
        return log.tail() if log else ""
