"""Stops the processes of tests, as a process that hangs."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import psutil

STOP_SECONDS = 30.0


def halt(process: psutil.Process) -> None:
    """Sends SIGSTOP and returns when no thread runs any more: until then the process may still answer. Raises
    AssertionError."""
    process.send_signal(signal.SIGSTOP)
    deadline = time.monotonic() + STOP_SECONDS
    while not all(_state(thread) == "T" for thread in Path(f"/proc/{process.pid}/task").iterdir()):
        assert time.monotonic() < deadline, "the process has not stopped"
        time.sleep(0.001)


def _state(thread: Path) -> str:
    """Returns the letter that /proc has for a thread's state; it follows the name, which may hold parentheses."""
    return (thread / "stat").read_text().rpartition(")")[2].split()[0]
