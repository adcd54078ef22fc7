"""The share of recent time in which there was work."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

WINDOW_SECONDS = 10.0
"""The time constant of the mean: what was a window ago counts 1/e as much as now."""


class BusyShare:
    """The share of time with work, 0 to 1: a mean in which older time counts exponentially less."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` returns seconds."""
        self._clock = clock
        self._since = clock()
        self._busy = False
        self._mean = 0.0

    @property
    def mean(self) -> float:
        """The mean until now. Any thread may read it."""
        older = math.exp((self._since - self._clock()) / WINDOW_SECONDS)
        return older * self._mean + (1.0 - older) * self._busy

    def mark(self, busy: bool) -> None:
        """Records whether there is work from now on."""
        if busy is not self._busy:
            self._mean, self._since, self._busy = self.mean, self._clock(), busy
