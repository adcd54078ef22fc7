"""Tail sampling: decides at the end of a request whether its trace is exported and held in memory."""

from __future__ import annotations

import heapq
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

SAMPLE = 256
"""The number of recent durations that are kept for each range."""
ENOUGH = 20
"""The minimum number of durations of a range from which "slow for its range" is meaningful."""
SLOW_QUANTILE = 0.95
SLOWEST = 20
"""The number of slowest requests of each window that are sampled, regardless of their range."""
WINDOW_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision about a finished request."""

    sampled: bool
    """Whether its trace is exported."""
    slow: bool
    """Whether it took longer than 95 % of the recent requests of its range."""
    usual_seconds: float | None
    """The median of the recent requests of its range; None until there are enough of them."""


class TailSampler:
    """Samples errors, slow requests, and the first few of the rest in every second: all of them at low traffic.

    A request is slow if it took longer than 95 % of the last 256 requests of its range, or is among the 20 slowest of
    five minutes. Rejected requests share the budget of the rest, so a flood of them does not fill a store. Memory is
    bounded by the number of ranges. ``fixed`` is the decision on every trace, if it is not None.
    """

    def __init__(
        self, per_second: int, clock: Callable[[], float] = time.monotonic, *, fixed: bool | None = None
    ) -> None:
        self._fixed = fixed
        self._per_second = per_second
        self._clock = clock
        self._ranges: dict[str, _RecentDurations] = {}
        self._slowest: list[float] = []
        self._window_end = float("-inf")
        self._second = -1
        self._sampled_this_second = 0

    def decide(self, group: str, seconds: float | None, failed: bool) -> Decision:
        """Returns the decision about a request of the range ``group`` that took ``seconds``; None if it was rejected.

        ``failed`` is whether the server or a provider failed.
        """
        decision = self._by_request(group, seconds, failed)
        return decision if self._fixed is None else replace(decision, sampled=self._fixed)

    def _by_request(self, group: str, seconds: float | None, failed: bool) -> Decision:
        if seconds is None:
            return Decision(failed or self._within_budget(), slow=False, usual_seconds=None)
        recent = self._ranges.setdefault(group, _RecentDurations())
        slow, usual = recent.exceeded_by(seconds), recent.median
        recent.add(seconds)
        slowest = self._among_slowest(seconds)
        return Decision(failed or slow or slowest or self._within_budget(), slow, usual)

    def _among_slowest(self, seconds: float) -> bool:
        moment = self._clock()
        if moment >= self._window_end:
            self._slowest.clear()
            self._window_end = moment + WINDOW_SECONDS
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, seconds)
            return True
        return seconds > heapq.heappushpop(self._slowest, seconds)

    def _within_budget(self) -> bool:
        second = int(self._clock())
        if second != self._second:
            self._second, self._sampled_this_second = second, 0
        self._sampled_this_second += 1
        return self._sampled_this_second <= self._per_second


class _RecentDurations:
    """The last durations of one range, with their median and the threshold above which a request is slow."""

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
