"""Tasks that run as long as the server does: a task that fails is restarted."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from server.logs import LOGGER

FIRST_PAUSE = 1.0
"""Seconds before a failed task is restarted; each further pause is twice as long."""
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""After a task has run for so long, its next failure begins a new episode."""

log = logging.getLogger(f"{LOGGER}.background")


async def keep_running(
    task: str,
    run: Callable[[], Awaitable[None]],
    failed: Callable[[str], None],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Runs ``run`` until it returns or is cancelled, and restarts it when it fails.

    ``failed`` is called with the name of the task at every failure; only the first of an episode is logged.
    """
    failures = 0
    while True:
        start = clock()
        try:
            await run()
        except Exception as error:  # whatever it is, such as no handles left, may be over soon
            if clock() - start >= STEADY_SECONDS:
                failures = 0
            failed(task)
            if not failures:
                log.error("a background task failed, and is run again", exc_info=error, extra={"task": task})
            await sleep(min(FIRST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE))
            failures += 1
        else:
            return
