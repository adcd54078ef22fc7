"""The quantiles of recent values, in bounded memory."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque

MOST_VALUES = 200
"""The values of so many requests are kept."""


class RecentValues:
    """The last MOST_VALUES numbers, and their quantiles."""

    def __init__(self) -> None:
        self._order: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._order)

    def add(self, value: float) -> None:
        """Adds a number; the oldest is dropped when there are too many."""
        if len(self._order) == MOST_VALUES:
            oldest = self._order.popleft()
            del self._sorted[bisect_left(self._sorted, oldest)]
        self._order.append(value)
        insort(self._sorted, value)

    def quantile(self, share: float) -> float:
        """Returns the quantile ``share`` by the nearest rank. Raises IndexError without numbers."""
        return self._sorted[min(len(self._sorted) - 1, int(share * len(self._sorted)))]
