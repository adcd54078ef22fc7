"""A program under the supervisor: its process, which is replaced when it ends by itself or hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from pathlib import Path

from otel.support import parent
from stack.environment import inherited
from stack.liveness import Liveness
from stack.log_file import LogFile
from stack.policy import RestartPolicy
from stack.services import ROOT, Service

PARENT = Path(parent.__file__)
KILL_SECONDS = 10.0

Say = Callable[[str], None]


class Child:
    """A supervised program. One thread uses it, as long as the supervisor lives: the program ends with it."""

    def __init__(self, service: Service, log: LogFile | None, policy: RestartPolicy, pool: Executor, say: Say) -> None:
        """Starts the program. Without a ``log`` it writes where the supervisor does. Raises OSError."""
        self.service = service
        self.log = log
        self.restarts = 0
        self._policy, self._pool, self._say = policy, pool, say
        self._failures = 0
        self._due: float | None = None
        self._has_answered = False
        self._launch()

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the program runs."""
        return self._process.poll()

    def tend(self, code: int | None) -> None:
        """Restarts the program when that is due, and kills it when it hangs; ``code`` comes from poll()."""
        if self.log:
            self.log.limit()
        if code is None:
            self._check()
        elif self._due is None:
            self._schedule_restart(f"{self.service.name} {describe_exit(code)}")
        elif time.monotonic() >= self._due:
            self._restart()

    def signal(self, number: int) -> None:
        """Sends the program a signal; does nothing to one that has ended."""
        self._process.send_signal(number)

    def wait(self, seconds: float) -> None:
        """Waits for the program's end, and then kills it with all that it started."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        self.kill()

    def kill(self) -> None:
        """Kills the program with all that it started. When it has ended by itself, its own children are killed."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):  # Linux may be unable to end it: a disk or a GPU that does not answer
            self._process.wait(KILL_SECONDS)

    def _launch(self) -> None:
        """Starts the process in its own session: Ctrl+C reaches the supervisor alone, which stops all in order."""
        wrapper = (
            sys.executable,
            "-I",
            "-S",
            str(PARENT),
            str(os.getpid()),
            str(int(self.service.orphan_signal)),
        )
        output = self.log.open() if self.log else None
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the command is ours
                (*wrapper, *self.service.command),
                cwd=ROOT,
                env={**inherited(self.service.reads, self.service.withheld), **self.service.environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        finally:
            if output:
                output.close()
        self._begun = time.monotonic()
        url = self.service.live_url or self.service.ready_url
        self._liveness = Liveness(url, self._policy, self._pool, self._has_answered) if url else None

    def _check(self) -> None:
        if self._liveness is None:
            return
        if self._liveness.is_hung():
            self._say(f"{self.service.name} is alive but does not answer; killing it")
            with suppress(subprocess.TimeoutExpired):
                self._process.send_signal(signal.SIGQUIT)  # Go, and our own programs, write their stacks
                self._process.wait(self._policy.stacks_timeout)
            self.kill()
        self._has_answered |= self._liveness.has_answered

    def _schedule_restart(self, reason: str) -> None:
        self.kill()
        time_now = time.monotonic()
        if time_now - self._begun >= self._policy.healthy_after:
            self._failures = 0
        self._failures += 1
        delay = self._policy.delay(self._failures)
        self._due = time_now + delay
        self._say(f"{reason}; restart in {delay:g} s")

    def _restart(self) -> None:
        self._due = None
        self.restarts += 1
        try:
            self._launch()
        except OSError as error:  # out of memory or processes: a later attempt may succeed
            self._schedule_restart(f"{self.service.name} can't be started: {error.strerror}")
        else:
            self._say(f"{self.service.name} was restarted, restart {self.restarts}")


def describe_exit(code: int) -> str:
    """Describes an exit code for people; ``code`` is negative for a signal."""
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"has ended with exit code {code}"
