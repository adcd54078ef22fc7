"""Runs background tasks for as long as the server runs, and restarts a task that fails."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from server.logs import LOGGER

FIRST_PAUSE = 1.0
"""Seconds before the first restart of a failed task; the pause doubles with each further failure."""
LONGEST_PAUSE = 30.0
STEADY_SECONDS = 60.0
"""A failure after the task has run for this long starts a new episode."""

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

    Every failure calls ``failed`` with the task's name; only the first failure of an episode is logged.
    """
    failures = 0
    while True:
        start = clock()
        try:
            await run()
        except Exception as error:  # any error may be temporary, such as a lack of file handles
            if clock() - start >= STEADY_SECONDS:
                failures = 0
            failed(task)
            if not failures:
                log.error("a background task failed and is restarted", exc_info=error, extra={"task": task})
            await sleep(min(FIRST_PAUSE * 2 ** min(failures, 10), LONGEST_PAUSE))
            failures += 1
        else:
            return
