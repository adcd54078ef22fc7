"""The server's client of the fork server: starts sandboxed processes, and reports how each of them ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from server.errors import ComponentError
from server.sandbox import wire
from server.sandbox.limits import SandboxLimits, environment

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 60.0
"""The time limit for the fork server to load its library on a busy machine."""
ANSWER_SECONDS = 10.0
"""The time limit to fork or reap, which normally takes a millisecond. A slower fork server is hung and replaced."""


class ForkFailed(ComponentError):
    """No process could be started: the fork server has ended, or no file handles are left."""


@dataclass(slots=True)
class SandboxedProcess:
    """A sandboxed process and the socket to it."""

    pid: int
    connection: socket.socket
    parent: subprocess.Popen[bytes] | None
    """The fork server that started it; no other can tell how it ended."""


class ForkServer:
    """Starts processes that run one target, a module with ``prepare()`` and ``handle(request, payload)``.

    Any thread may call it. The fork server is started on first use, and restarted when it has ended. Its processes end
    with it, and it ends with the server, since the kernel then closes the socket between them.
    """

    def __init__(self, target: str) -> None:
        """``target`` is the module's name."""
        self._target = target
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the fork server, or None."""
        return self._process.pid if self._process else None

    def fork(self, limits: SandboxLimits) -> SandboxedProcess:
        """Starts a process. Raises ForkFailed."""
        with self._lock:
            if self._ended():
                self._end()
            try:
                control = self._control or self._start()
                wire.send(control, {"do": "fork", "limits": limits.as_message()})
                answer, handles, _, _ = socket.recv_fds(control, wire.AT_ONCE, 1)
                pid = int(wire.parse(answer)["pid"])
                connection = socket.socket(fileno=handles[0])
                wire.limit_waiting(connection, limits.seconds)
                return SandboxedProcess(pid, connection, self._process)
            except (OSError, EOFError, ValueError, IndexError) as error:
                self._end()
                raise ForkFailed(f"the fork server of {self._target} does not answer") from error

    def end(self, process: SandboxedProcess) -> str | None:
        """Ends a process, which may have ended already. Returns the signal that ended it, or None if there was none or
        it is unknown."""
        process.connection.close()
        with self._lock:
            if self._control is None or self._process is not process.parent or self._ended():
                return None  # it ended with its parent, and its id may have been reused
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)  # its id is not reused until the fork server has reaped it
            try:
                wire.send(self._control, {"do": "reap", "pid": process.pid})
                answer, _ = wire.receive(self._control)
            except (OSError, EOFError, ValueError):
                self._end()
                return None
        status = int(answer["status"])
        return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else None

    def close(self) -> None:
        """Ends the fork server and all its processes."""
        with self._lock:
            self._end()

    def _ended(self) -> bool:
        """Whether the fork server was started, and has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def _start(self) -> socket.socket:
        """Starts the fork server and returns its socket. Raises OSError, EOFError or ValueError when it does not
        start."""
        own_end, other_end = socket.socketpair()
        variables = environment(os.environ)
        variables["PYTHONPATH"] = os.pathsep.join(filter(None, (str(ROOT), variables.get("PYTHONPATH"))))
        with other_end:
            command = (sys.executable, "-m", "server.sandbox", str(other_end.fileno()), self._target)
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                command, stdin=subprocess.DEVNULL, pass_fds=(other_end.fileno(),), env=variables
            )
        wire.limit_waiting(own_end, START_SECONDS)
        self._control = own_end
        wire.receive(own_end)
        wire.limit_waiting(own_end, ANSWER_SECONDS)
        return own_end

    def _end(self) -> None:
        if self._control is not None:
            self._control.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._control = self._process = None
