"""``python -m stack.supervised``: the server alone, which is started again when it crashes or hangs.

Beside that it is ``python -m server``: the same output, signals and exit codes.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import FrameType

from stack.child import Child
from stack.policy import RestartPolicy
from stack.services import SERVER_READS, Service, server_url

TEND_SECONDS = 0.25
COULD_NOT_START = (1, 2)
"""The server's exit codes for a voice or a port, and for settings: what it says then is for a person to mend."""
SIGNALS = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGTERM}
"""What we are sent, and what the server is sent then."""
PATIENCE = 2
"""Signals that the server may answer in its own way: the first stops it in order, the second at once. A third one
means that the server hangs, and kills it."""


def main() -> int:
    """The server's exit code, as a shell has it."""
    return run(Service("server", (sys.executable, "-m", "server"), None, live_url=_live_url(), reads=SERVER_READS))


def run(service: Service, policy: RestartPolicy | None = None) -> int:
    """Runs ``service`` until it is told to stop, ends in order, or can't start the first time. Its exit code."""
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put may interrupt a get

    def take(number: int, frame: FrameType | None) -> None:
        signals.put(number)

    for number in SIGNALS:
        signal.signal(number, take)
    received = 0
    with ThreadPoolExecutor(1) as pool:
        child = Child(service, None, policy or RestartPolicy(), pool, _say)
        while True:
            code = child.poll()
            if code is not None and (received or _is_final(code, child.restarts)):
                return code if code >= 0 else 128 - code
            if not received:
                child.tend(code)
            with suppress(queue.Empty):
                number = SIGNALS[signal.Signals(signals.get(timeout=TEND_SECONDS))]
                received += 1
                child.signal(number if received <= PATIENCE else signal.SIGKILL)


def _is_final(code: int, restarts: int) -> bool:
    return code == 0 or (code in COULD_NOT_START and restarts == 0)


def _live_url() -> str | None:
    """None where the server chooses a free port: nobody but its log knows it."""
    return None if os.environ.get("TTSCOPE_PORT") == "0" else f"{server_url()}/health"


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal is gone
        print(f"ttscope: {line}", file=sys.stderr, flush=True)  # noqa: T201 - it is a command


if __name__ == "__main__":
    sys.exit(main())
