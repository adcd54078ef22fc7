"""Sets up the process: variables for OpenMP and the C library, crash reports, and thread switching."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Mapping

QUIET = {
    # Otherwise onnxruntime resolves a host of its vendor and sends telemetry to it.
    "ORT_DISABLE_TELEMETRY": "1",
    # Coqui's XTTS loads transformers: it reads local files, and asks no hub about them.
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # A Ray cluster that is started from this process reports its use to nobody.
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""What keeps libraries from calling their makers; processes that get nothing else of the environment get this."""
ENVIRONMENT = {
    **QUIET,
    # Idle threads sleep instead of spinning: on busy cores, spinning makes a sentence take 5 to 40 times as long.
    "OMP_WAIT_POLICY": "PASSIVE",
    # Freed memory is kept for the next step instead of being returned and faulted in again: 0 page faults per window
    # instead of 1,000 to 5,000, and half the time for long texts. One arena, since each keeps its own free memory.
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2),
    "MALLOC_TRIM_THRESHOLD_": str(1024**3),
}
"""Default values of environment variables; values that are already set take precedence."""


def missing_variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the variables of ENVIRONMENT that ``environment`` does not set, with their values."""
    return {name: value for name, value in ENVIRONMENT.items() if name not in environment}


def ensure_environment() -> None:
    """Re-executes this process once with the missing variables; returns if none is missing."""
    if missing_variables(os.environ):
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **missing_variables(os.environ)})  # noqa: S606 - our own command


def show_crashes() -> None:
    """Makes crashes in native code, and SIGQUIT, write every thread's traceback to standard error."""
    faulthandler.enable()
    faulthandler.register(signal.SIGQUIT)


SWITCH_SECONDS = 0.0001
"""The interpreter's switch interval. Synthesis threads need the interpreter between any two operations of the model;
with Python's default of 5 ms they wait while requests are rejected. At ten times the load that cost a tenth of the
audio."""


def settle() -> None:
    """Prepares the interpreter for serving, once everything is loaded.

    The garbage collector no longer scans the 250,000 permanent objects, which stopped every thread for 0.2 s now and
    then.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
