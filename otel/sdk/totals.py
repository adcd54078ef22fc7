"""Sums that are read when metrics are collected: to add to one costs no more than a look into a dict."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from opentelemetry.metrics import CallbackOptions, Observation


class Totals:
    """One sum for each combination of attributes' values, from any thread; a callback for an observable instrument.

    The SDK's own counters check, hash and lock at every reading, for every reader: 10 us of a request and a counter.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """``names`` of the attributes, in the order in which their values are given to ``add``."""
        self._names = tuple(names)
        self._sums: dict[tuple[str, ...], float] = {}
        self._lock = threading.Lock()

    def add(self, amount: float, values: tuple[str, ...]) -> None:
        """Whoever calls sees to it that there are few combinations."""
        with self._lock:
            self._sums[values] = self._sums.get(values, 0) + amount

    def __call__(self, options: CallbackOptions) -> Iterable[Observation]:
        """All of them, as they stand."""
        with self._lock:
            sums = dict(self._sums)
        return [Observation(total, dict(zip(self._names, values, strict=True))) for values, total in sums.items()]
