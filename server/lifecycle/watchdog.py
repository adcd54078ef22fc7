"""Ends the process when its event loop hangs; its supervisor then starts a new one, as after a crash.

The watchdog runs in a thread. It detects anything that blocks the loop, except a C function that never returns and
holds the GIL. That case, and a stopped process, can only be detected from outside (stack/liveness.py).
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from server.logs import LOGGER

EXIT_CODE = 70
"""The exit code, EX_SOFTWARE of sysexits.h, as for a lost engine."""
LONGEST_TICK = 1.0
TICKS = 5
"""The minimum number of ticks within the hang timeout."""
LAST_WORDS_SECONDS = 5
"""The timeout for writing the traceback, in whole seconds: the loop may hang on a full standard error pipe."""

log = logging.getLogger(f"{LOGGER}.watchdog")


@contextmanager
def watch_event_loop(seconds: float, end: Callable[[], None] | None = None) -> Iterator[None]:
    """Watches the running event loop, and calls ``end`` in a thread when the loop hangs for ``seconds``.

    By default ``end`` ends the process with EXIT_CODE. 0 seconds disable the watchdog.
    """
    if seconds == 0:
        yield
        return
    over = threading.Event()
    arguments = (asyncio.get_running_loop(), seconds, over, end or end_process)
    thread = threading.Thread(target=_watch, args=arguments, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()


def _watch(loop: asyncio.AbstractEventLoop, seconds: float, over: threading.Event, end: Callable[[], None]) -> None:
    """Measures time by its own ticks, not the clock, since the clock runs on while the process is stopped or the
    machine sleeps."""
    tick = min(LONGEST_TICK, seconds / TICKS)
    answered = threading.Event()
    answered.set()
    silent = 0
    while not over.wait(tick):
        if answered.is_set():
            silent = 0
            answered.clear()
            with suppress(RuntimeError):  # the loop is closed: the process is ending
                loop.call_soon_threadsafe(answered.set)
        else:
            silent += 1
            if silent * tick >= seconds:
                end()
                return


def end_process() -> None:
    """Writes the traceback of every thread and ends the process at once."""
    signal.alarm(LAST_WORDS_SECONDS)  # ends the process if writing hangs, by the signal's default action
    faulthandler.dump_traceback(all_threads=True)
    log.critical("the event loop has stopped, and the server ends for its supervisor to start it again")
    os._exit(EXIT_CODE)
