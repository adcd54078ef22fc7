"""A storage in memory for the library ``limits``: bounded, and each call takes the same short time."""

from __future__ import annotations

import time
from array import array
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from limits.aio.storage import MovingWindowSupport, Storage

MOST_KEYS = 100_000
"""The most windows, and the most counters; one more takes the place of that which was not used for longest."""
EXPIRED_AT_ONCE = 8
"""The most expired entries that one call removes, so that no request waits while thousands are removed. Each call adds
one entry at most, so they are removed faster than they come."""


@dataclass(slots=True)
class MovingWindow:
    """The times of the hits within the last ``expiry`` seconds, oldest first."""

    expiry: float
    times: array[float] = field(default_factory=lambda: array("d"))

    def forget(self, moment: float) -> None:
        """Removes the hits that are ``expiry`` seconds old."""
        count = 0
        for hit in self.times:
            if hit > moment - self.expiry:
                break
            count += 1
        del self.times[:count]

    def expired(self, moment: float) -> bool:
        return not self.times or self.times[-1] <= moment - self.expiry


@dataclass(slots=True)
class Counter:
    """A number that is forgotten at ``expires``."""

    expires: float
    value: int = 0

    def expired(self, moment: float) -> bool:
        return self.expires <= moment


class BoundedStorage(Storage, MovingWindowSupport):
    """Windows and counters in memory. The library's own storage in memory looks at every key after each request."""

    def __init__(self, most_keys: int = MOST_KEYS, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._most_keys = most_keys
        self._clock = clock
        self._windows: OrderedDict[str, MovingWindow] = OrderedDict()
        self._counters: OrderedDict[str, Counter] = OrderedDict()

    def __len__(self) -> int:
        """Returns the number of windows and counters."""
        return len(self._windows) + len(self._counters)

    @property
    def base_exceptions(self) -> type[Exception]:
        return ValueError

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Adds ``amount`` hits unless more than ``limit`` would then be within ``expiry`` seconds; returns if so."""
        moment = self._clock()
        window = self._windows.get(key)
        if window is None:
            window = MovingWindow(expiry)
        window.forget(moment)
        if len(window.times) + amount > limit:
            return False
        window.times.extend([moment] * amount)
        self._keep(self._windows, key, window, moment)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """Returns the time of the oldest hit within ``expiry`` seconds, and the number of hits; now and 0 if none."""
        moment = self._clock()
        window = self._windows.get(key)
        if window is None:
            return moment, 0
        window.forget(moment)
        return (window.times[0], len(window.times)) if window.times else (moment, 0)

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Adds ``amount``, which may be negative, and returns the sum; a new counter lasts for ``expiry`` seconds."""
        moment = self._clock()
        counter = self._counters.get(key)
        if counter is None or counter.expired(moment):
            counter = Counter(moment + expiry)
        counter.value += amount
        self._keep(self._counters, key, counter, moment)
        return counter.value

    async def get(self, key: str) -> int:
        """Returns the value of a counter, 0 if there is none."""
        counter = self._counters.get(key)
        return 0 if counter is None or counter.expired(self._clock()) else counter.value

    async def get_expiry(self, key: str) -> float:
        """Returns when a counter ends; now if there is none."""
        counter = self._counters.get(key)
        return self._clock() if counter is None else counter.expires

    def counters(self) -> dict[str, tuple[int, float]]:
        """Returns the value of each counter that has not ended, and when it ends."""
        moment = self._clock()
        return {
            key: (counter.value, counter.expires)
            for key, counter in self._counters.items()
            if not counter.expired(moment)
        }

    def restore(self, counters: Mapping[str, tuple[int, float]]) -> None:
        """Adds counters that ``counters`` has returned, the newest of them if they are too many."""
        for key, (value, expires) in list(counters.items())[-self._most_keys :]:
            self._counters[key] = Counter(expires, value)

    async def clear(self, key: str) -> None:
        self._windows.pop(key, None)
        self._counters.pop(key, None)

    async def reset(self) -> int:
        count = len(self)
        self._windows.clear()
        self._counters.clear()
        return count

    async def check(self) -> bool:
        return True

    def _keep(
        self,
        entries: OrderedDict[str, MovingWindow] | OrderedDict[str, Counter],
        key: str,
        entry: MovingWindow | Counter,
        moment: float,
    ) -> None:
        """Stores ``entry`` as the newest, and removes the oldest ones that are expired or too many."""
        entries[key] = entry  # type: ignore[assignment]  # each is stored among its own
        entries.move_to_end(key)
        for _ in range(EXPIRED_AT_ONCE):
            oldest = next(iter(entries))
            if len(entries) <= self._most_keys and not entries[oldest].expired(moment):
                break
            if oldest == key:
                break
            del entries[oldest]
