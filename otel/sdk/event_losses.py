"""Events that are lost on the way to their file: each is counted, and each episode is said at its begin and end."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable

from otel.contract.values import LossReason

QUIET_SECONDS = 10.0
"""An episode has ended when nothing was lost for so long and something was written."""

log = logging.getLogger("ttscope.events")


_REASONS = {
    errno.ENOSPC: LossReason.DISK_FULL,
    errno.EDQUOT: LossReason.DISK_FULL,
    errno.EFBIG: LossReason.FILE_SIZE,
    errno.EMFILE: LossReason.FILE_HANDLES,
    errno.ENFILE: LossReason.FILE_HANDLES,
}


def reason_of(error: OSError) -> LossReason:
    """The reason that ``error`` is counted under; IO_ERROR for all that have no reason of their own."""
    return _REASONS.get(error.errno or 0, LossReason.IO_ERROR)


class EventLosses:
    """Counts the lost events of one file. Any thread may call it."""

    def __init__(
        self, file: str, count: Callable[[LossReason, int], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``file`` is named in the log; ``count`` is called with each loss and the number of events."""
        self._file = file
        self._count = count
        self._clock = clock
        self._lock = threading.Lock()
        self._lost = 0
        self._last = 0.0

    def lost(self, reason: LossReason, events: int) -> None:
        """``events`` are lost: begins an episode, or goes on with it."""
        self._count(reason, events)
        with self._lock:
            begins = not self._lost
            self._lost += events
            self._last = self._clock()
        if begins:
            log.error("events are lost", extra={"file": self._file, "reason": str(reason)})

    def written(self) -> None:
        """Events were written: ends the episode, if nothing was lost of late."""
        with self._lock:
            if not self._lost or self._clock() - self._last < QUIET_SECONDS:
                return
            lost, self._lost = self._lost, 0
        log.warning("events are written again", extra={"file": self._file, "lost": lost})
