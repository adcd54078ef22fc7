"""Runs services as child processes: starts them, waits until they are ready, stops them in the right order."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from otel.stack.services import ROOT, Service, inherited

POLL_SECONDS = 0.2
TAIL_BYTES = 2000


class ServiceError(Exception):
    """A service has died or does not become ready; the message ends with what it wrote last."""


class Supervisor:
    """Owns the processes; each writes to ``logs_folder``/NAME.log, the run before it is in NAME.log.1.

    A ready-made supervisor (honcho) stops all at the same instant: the server's last export would find no Collector.
    """

    def __init__(self, logs_folder: Path) -> None:
        self._logs_folder = logs_folder
        self._logs_folder.mkdir(parents=True, exist_ok=True)
        self._running: dict[str, tuple[Service, subprocess.Popen[bytes]]] = {}

    def log(self, name: str) -> Path:
        """Where the service ``name`` writes."""
        return self._logs_folder / f"{name}.log"

    def pid(self, name: str) -> int:
        """The process of the service ``name``."""
        return self._running[name][1].pid

    def start(self, services: Iterable[Service]) -> None:
        """Starts ``services``, each in a session of its own: Ctrl+C is for whoever runs the supervisor."""
        for service in services:
            log = self.log(service.name)
            if log.exists():
                log.replace(log.with_suffix(".log.1"))
            with log.open("wb") as output:
                process = subprocess.Popen(  # noqa: S603 - the command is ours
                    service.command,
                    cwd=ROOT,
                    env={**inherited(), **service.environment},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._running[service.name] = (service, process)

    def is_ready(self, name: str) -> bool:
        """Whether the service answers at the address that says so. Raises ServiceError if it has died."""
        self.check()
        url = self._running[name][0].ready_url
        if url is None:
            return True
        try:
            with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310
                return bool(response.status == 200)
        except (urllib.error.URLError, http.client.HTTPException, OSError):
            return False

    def check(self) -> None:
        """Raises ServiceError if any service has died."""
        for name, (_, process) in self._running.items():
            code = process.poll()
            if code is not None:
                raise ServiceError(f"{name} has ended with {code}; it wrote last:\n{self._tail(name)}")

    def stop(self, *names: str) -> None:
        """Asks the services to end, all at once, and kills what takes too long."""
        stopping = [self._running.pop(name) for name in names if name in self._running]
        for _, process in stopping:
            process.send_signal(signal.SIGTERM)  # does nothing to one that has ended
        for service, process in stopping:
            try:
                process.wait(service.stop_seconds)
            except subprocess.TimeoutExpired:
                _kill(process)

    def kill(self, *names: str) -> None:
        """Ends the services at once, as a crash would."""
        for name in names:
            if name in self._running:
                _kill(self._running.pop(name)[1])

    @property
    def names(self) -> tuple[str, ...]:
        """The services that were started and not stopped."""
        return tuple(self._running)

    def wait_until_ready(self, seconds: float, is_given_up: Callable[[], bool] = lambda: False) -> None:
        """Returns when every service is ready, or nobody wants it any more. Raises ServiceError."""
        deadline = time.monotonic() + seconds
        waiting = list(self._running)
        while not is_given_up() and (waiting := [name for name in waiting if not self.is_ready(name)]):
            if time.monotonic() > deadline:
                name = waiting[0]
                raise ServiceError(f"{name} is not ready after {seconds:.0f} s; it wrote last:\n{self._tail(name)}")
            time.sleep(POLL_SECONDS)

    def _tail(self, name: str) -> str:
        return self.log(name).read_bytes()[-TAIL_BYTES:].decode(errors="replace")


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a service with all that it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
