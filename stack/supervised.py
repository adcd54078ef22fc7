"""``python -m stack.supervised``: runs the server alone and restarts it when it crashes or hangs.

Output, signals and exit codes are those of ``python -m server``.
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
from stack.environment import SERVER_READS
from stack.policy import RestartPolicy
from stack.services import Service, server_url

TEND_SECONDS = 0.25
COULD_NOT_START = (1, 2)
"""The server's exit codes for a bad voice or port, and for bad settings: a person has to correct these."""
SIGNALS = {signal.SIGINT: signal.SIGINT, signal.SIGTERM: signal.SIGTERM, signal.SIGHUP: signal.SIGTERM}
"""The signals that this process receives, and the signal that it then sends the server."""
PATIENCE = 2
"""The number of signals that the server handles itself: the first stops it in order, the second at once. A third one
means that the server hangs, so it is killed."""


def main() -> int:
    """Returns the server's exit code, as a shell reports it."""
    return run(Service("server", (sys.executable, "-m", "server"), None, live_url=_live_url(), reads=SERVER_READS))


def run(service: Service, policy: RestartPolicy | None = None) -> int:
    """Runs ``service`` until a signal stops it, it ends in order, or its first start fails. Returns its exit code."""
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # its put may interrupt a get

    def receive(number: int, frame: FrameType | None) -> None:
        signals.put(number)

    for number in SIGNALS:
        signal.signal(number, receive)
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
    """Returns the server's /health; None where the server chooses a free port, which only its log names."""
    return None if os.environ.get("TTSCOPE_PORT") == "0" else f"{server_url()}/health"


def _say(line: str) -> None:
    with suppress(OSError):  # the terminal is gone
        print(f"ttscope: {line}", file=sys.stderr, flush=True)  # noqa: T201 - it is a command


if __name__ == "__main__":
    sys.exit(main())
