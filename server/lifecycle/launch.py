"""How a process is started and settled: what OpenMP and the C library read once, crashes, how threads share Python."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Mapping

ENVIRONMENT = {
    # Sleeping, not spinning, threads: on a machine of busy cores a sentence takes 5 to 40 times as long otherwise.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Freed memory is kept for the next step instead of given back and faulted in again: 0 page faults a window instead
    # of 1,000 to 5,000, and half the time for long texts. One arena, since each would keep its own.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(1024**3),
    # onnxruntime would look up a host of its maker, and send it what it measures.
    "ORT_DISABLE_TELEMETRY": "1",
}
"""Each variable and the value it gets where the environment does not set it."""


def missing(environment: Mapping[str, str]) -> dict[str, str]:
    """What must still be set."""
    return {name: value for name, value in ENVIRONMENT.items() if name not in environment}


def ensure() -> None:
    """Replaces this process by itself, once, with what is missing in its environment; returns if nothing is."""
    if missing(os.environ):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **missing(os.environ)})  # noqa: S606 - our own command


def show_crashes() -> None:
    """Has a crash in native code write where every thread was, to standard error; and SIGQUIT, which ends nothing."""
    faulthandler.enable()
    faulthandler.register(signal.SIGQUIT)


SWITCH_SECONDS = 0.0001
"""After which a thread gives way to another that waits for the interpreter. With Python's own 5 ms the threads that
speak, which need it between any two operations of the model, stand still while a request is refused: at ten times the
load that was a tenth of the audio."""


def settle() -> None:
    """Once all is loaded: the quarter of a million objects that stay are no longer looked through for garbage, which
    stopped every thread for 0.2 s now and then."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
