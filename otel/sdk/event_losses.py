"""Counts events that are lost on the way to their file, and logs the start and the end of each episode of losses."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable

from otel.contract.values import LossReason

QUIET_SECONDS = 10.0
"""An episode ends with the first write after this time without a loss."""

log = logging.getLogger("ttscope.events")


_REASONS = {
    errno.ENOSPC: LossReason.DISK_FULL,
    errno.EDQUOT: LossReason.DISK_FULL,
    errno.EFBIG: LossReason.FILE_SIZE,
    errno.EMFILE: LossReason.FILE_HANDLES,
    errno.ENFILE: LossReason.FILE_HANDLES,
}


def reason_of(error: OSError) -> LossReason:
    """Returns the reason by which ``error`` is counted; IO_ERROR for errors without a specific reason."""
    return _REASONS.get(error.errno or 0, LossReason.IO_ERROR)


class EventLosses:
    """Counts the lost events of one file. Its methods may be called from any thread."""

    def __init__(
        self, file: str, count: Callable[[LossReason, int], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``file`` is its name in the log; ``count`` is called with the reason and number of events of each loss."""
        self._file = file
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._lost = 0
        self._last = 0.0

    def add(self, reason: LossReason, events: int) -> None:
        """Counts lost events: starts an episode, or continues it."""
        self._count(reason, events)
        with self._lock:
            begins = not self._lost
            self._lost += events
            self._last = self._clock()
        if begins:
            log.error("events are lost", extra={"file": self._file, "reason": str(reason)})

    def written(self) -> None:
        """Records that events were written: ends the episode if nothing was lost recently."""
        with self._lock:
            if not self._lost or self._clock() - self._last < QUIET_SECONDS:
                return
            count, self._lost = self._lost, 0
        log.warning("events are written again", extra={"file": self._file, "lost": count})
