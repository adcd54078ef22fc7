"""The decision at a request's end: is its trace kept?"""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SAMPLE = 256
"""Durations remembered for each range."""
ENOUGH = 20
"""Durations of a range before "slow for its range" means anything."""
SLOW_QUANTILE = 0.95
SLOWEST = 20
"""The slowest requests of each window are all kept, whatever their range."""
WINDOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a finished request."""

    kept: bool
    slow: bool
    """Whether it took longer than nearly all recent ones of its range."""
    usual_seconds: float | None
    """The median of the recent ones of its range; None before there are enough."""


class KeepPolicy:
    """Keeps errors, the slow, and of the rest the first few of every second, which is all of them when traffic is low.

    Slow is: longer than 95 % of the last 256 requests of the same range, or among the 20 slowest of five minutes.
    Refusals of bad requests share the budget of the rest, so that a flood of them fills no store. Memory is bounded by
    the number of ranges.
    """

    def __init__(self, per_second: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._ranges: dict[str, _RecentDurations] = {}
        self._slowest: list[float] = []
        self._window_end = float("-inf")
        self._second = -1
        self._kept_this_second = 0

    def decide(self, group: str, seconds: float | None, failed: bool) -> Decision:
        """About a request of range ``group`` that took ``seconds`` (None if it was refused).

        ``failed`` is for failures of the server's side.
        """
        if seconds is None:
            return Decision(failed or self._within_budget(), slow=False, usual_seconds=None)
        recent = self._ranges.setdefault(group, _RecentDurations())
        slow, usual = recent.exceeded_by(seconds), recent.median
        recent.add(seconds)
        slowest = self._among_slowest(seconds)
        return Decision(failed or slow or slowest or self._within_budget(), slow, usual)

    def _among_slowest(self, seconds: float) -> bool:
        now = self._clock()
        if now >= self._window_end:
            self._slowest.clear()
            self._window_end = now + WINDOW_SECONDS
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, seconds)
            return True
        return seconds > heapq.heappushpop(self._slowest, seconds)

    def _within_budget(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._kept_this_second = second, 0
        self._kept_this_second += 1
        return self._kept_this_second <= self._per_second


class _RecentDurations:
    """The last durations of one range: what is usual among them, and above what one is slow."""

    def __init__(self) -> None:
        self._recent: deque[float] = deque(maxlen=SAMPLE)
        self._threshold = float("inf")
        self._until_update = ENOUGH
        self.median: float | None = None

    def exceeded_by(self, seconds: float) -> bool:
        return seconds > self._threshold

    def add(self, seconds: float) -> None:
        self._recent.append(seconds)
        self._until_update -= 1
        if self._until_update == 0:
            ordered = sorted(self._recent)
            self._threshold = ordered[int(SLOW_QUANTILE * (len(ordered) - 1))]
            self.median = ordered[len(ordered) // 2]
            self._until_update = ENOUGH
