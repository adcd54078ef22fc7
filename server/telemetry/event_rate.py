"""The rate of recent events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from server.synthesis.busy_share import WINDOW_SECONDS


class EventRate:
    """Events per second: a mean in which older events count exponentially less, over the window of ``BusyShare``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns seconds."""
        self._clock = clock
        self._since = clock()
        self._events = 0.0

    @property
    def per_second(self) -> float:
        return self._decayed() / WINDOW_SECONDS

    def count(self) -> None:
        """Counts one event."""
        self._events = self._decayed() + 1.0
        self._since = self._clock()

    def _decayed(self) -> float:
        return self._events * math.exp((self._since - self._clock()) / WINDOW_SECONDS)
