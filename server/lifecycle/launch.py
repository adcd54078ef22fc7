"""Sets a process up: what OpenMP and the C library read once, crash reports, how threads share the interpreter."""

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
"""Variables and their values where the environment does not set them."""


def missing_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables that must still be set."""
    return {name: value for name, value in ENVIRONMENT.items() if name not in environment}


def ensure_environment() -> None:
    """Restarts this process once with the missing variables; returns if none is missing."""
    if missing_variables(os.environ):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **missing_variables(os.environ)})  # noqa: S606 - our own command


def show_crashes() -> None:
    """Lets a crash in native code, and SIGQUIT, write the traceback of every thread to standard error."""
    faulthandler.enable()
    faulthandler.register(signal.SIGQUIT)


SWITCH_SECONDS = 0.0001
"""The time after which a thread yields the interpreter to another. With Python's own 5 ms the threads that speak, which
need the interpreter between any two operations of the model, wait while a request is refused: at ten times the load
that cost a tenth of the audio."""


def settle() -> None:
    """Prepares the interpreter for service, once everything is loaded.

    The quarter of a million objects that stay are no longer scanned for garbage, which stopped every thread for 0.2 s
    now and then.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
