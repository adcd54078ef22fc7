"""Counts the failed attempts of each client to send a key."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_FAILURES = 10
"""The failed attempts of a client within a window that are answered 401; later ones get 429."""
WINDOW_SECONDS = 60.0
MOST_CLIENTS = 4096
"""The clients that are remembered, 0.3 KB each; a further one takes the place of the one that failed least recently."""


class FailedAttempts:
    """The failed attempts by client, in windows that begin with a client's first failure."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """The end of each client's window, and its failures within it."""

    def __len__(self) -> int:
        return len(self._windows)

    def add(self, client: str) -> int:
        """Counts a failure of ``client``; returns the whole seconds that it must wait, or 0 if it may go on."""
        now = self._clock()
        end, count = self._windows.pop(client, (0.0, 0))
        if end <= now:
            end, count = now + WINDOW_SECONDS, 0
        self._windows[client] = end, count + 1
        if len(self._windows) > MOST_CLIENTS:
            self._windows.popitem(last=False)
        return math.ceil(end - now) if count >= MOST_FAILURES else 0
