"""The time of a machine's cores, or of its GPU, that each batch of steps takes."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Hashable
from dataclasses import dataclass
from itertools import pairwise

SINGLE_WEIGHT = 0.1
"""The weight of a new measurement in the mean time of a step that runs alone."""


@dataclass(frozen=True, slots=True)
class Run:
    """When a batch ran, in nanoseconds of ``time.perf_counter_ns``; ``end`` is infinite while it runs."""

    start: float
    end: float
    threads: int


class MachineTime:
    """Divides the units of a machine, its cores or its GPU, among the batches that run at the same time.

    A batch takes as many units as it has threads. While all batches together have more threads than there are units,
    each takes its share. So no more units are taken than there are, and the sum over all batches is the time of the
    units that was in use. The start of a batch that still runs is known to about a millisecond: when it was handed to
    its worker, or when the batch before it ended there.
    """

    def __init__(self, units: int) -> None:
        self._units = units
        self._handed: defaultdict[int, deque[Run]] = defaultdict(deque)
        """By worker, the batches that it has, in order; it runs the first one."""
        self._freed: defaultdict[int, float] = defaultdict(float)
        """By worker, when its last batch ended."""
        self._ended: deque[Run] = deque()
        """Batches that have ended, and may have run beside one that still runs."""
        self._singles: dict[Hashable, float] = {}

    def begin(self, worker: int, start: int, threads: int) -> None:
        """Notes that a batch was handed to ``worker`` at ``start``."""
        self._handed[worker].append(Run(start, math.inf, threads))

    def fail(self, worker: int, end: int) -> None:
        """Notes that the worker's batch failed at ``end``; its time is nobody's."""
        self._handed[worker].popleft()
        self._freed[worker] = end
        self._forget()

    def end(self, worker: int, start: int, end: int) -> float:
        """Returns the mean number of units that the worker's batch took while it ran from ``start`` to ``end``."""
        run = Run(start, end, self._handed[worker].popleft().threads)
        self._freed[worker] = end
        others = [other for other in (*self._ended, *self._running()) if other.start < end and other.end > start]
        self._ended.append(run)
        self._forget()
        return self._mean_units(run, others)

    def saved(self, kind: Hashable, size: int, seconds: float) -> float:
        """Returns the seconds that a batch of ``size`` steps saved, compared with as many steps alone; 0.0 until a step
        of this ``kind`` has run alone."""
        single = self._singles.get(kind)
        if size == 1:
            self._singles[kind] = seconds if single is None else single + SINGLE_WEIGHT * (seconds - single)
            return 0.0
        return 0.0 if single is None else max(0.0, size * single - seconds)

    def _running(self) -> list[Run]:
        """Returns the batch that each worker runs."""
        firsts = ((worker, batches[0]) for worker, batches in self._handed.items() if batches)
        return [Run(max(run.start, self._freed[worker]), run.end, run.threads) for worker, run in firsts]

    def _mean_units(self, run: Run, others: list[Run]) -> float:
        if not others or run.end <= run.start:
            return float(min(run.threads, self._units))
        inside = (edge for other in others for edge in (other.start, other.end) if run.start < edge < run.end)
        taken = 0.0
        for start, end in pairwise(sorted({run.start, run.end, *inside})):
            beside = sum(other.threads for other in others if other.start <= start and other.end >= end)
            taken += (end - start) * run.threads * min(1.0, self._units / (run.threads + beside))
        return taken / (run.end - run.start)

    def _forget(self) -> None:
        """Forgets the ended batches that no running one overlaps."""
        earliest = min((run.start for run in self._running()), default=math.inf)
        self._ended = deque(run for run in self._ended if run.end > earliest)
