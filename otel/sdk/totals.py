"""Sums that are read when metrics are collected; adding to one costs a dict lookup."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from opentelemetry.metrics import CallbackOptions, Observation


class Totals:
    """One sum for each combination of attribute values, for any thread; it is the callback of an observable instrument.

    The SDK's own counters check, hash and lock at every reading, for every reader: 10 us per request and counter.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """``names`` are the attributes' names, in the order of the values that ``add`` takes."""
        self._names = tuple(names)
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def add(self, amount: float, values: tuple[str, ...]) -> None:
        """Adds to the sum of these values. The caller must keep the number of combinations small."""
        with self._lock:
            self._sums[values] = self._sums.get(values, 0) + amount

    def __call__(self, options: CallbackOptions) -> Iterable[Observation]:
        """Returns the current value of every sum."""
        with self._lock:
            sums = dict(self._sums)
        return [Observation(total, dict(zip(self._names, values, strict=True))) for values, total in sums.items()]
