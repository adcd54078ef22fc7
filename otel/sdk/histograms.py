"""Histograms that are read when metrics are exported or scraped: classic and exponential buckets, lasting exemplars."""

from __future__ import annotations

import math
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from logging import getLogger

from opentelemetry.context import Context
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.trace import get_current_span

from otel.contract.buckets import SCALE
from otel.contract.instrument import Instrument
from otel.contract.metrics import CONTRACT

PER_DOUBLING: int = 2**SCALE
FRACTIONS = tuple(2 ** (i / PER_DOUBLING - 1) for i in range(PER_DOUBLING))
"""The bounds from 0.5 up to 1, without 1."""
LOWEST = (sys.float_info.min_exp - 1) * PER_DOUBLING - 1
"""The bucket whose upper bound is the smallest normal float; it also has all subnormal values, as in the SDK."""

AttributeValues = tuple[str, ...]

log = getLogger(__name__)


def bucket_index(value: float) -> int:
    """Returns the index i of the exponential bucket of a positive value: 2**(i/16) < value <= 2**((i+1)/16).

    There are at most 32,752 indices; durations from a microsecond to ten minutes have 467. Source: the OTLP data model.
    """
    fraction, exponent = math.frexp(value)
    return max(bisect_left(FRACTIONS, fraction) + (exponent - 1) * PER_DOUBLING - 1, LOWEST)


@dataclass(slots=True)
class Distribution:
    """The readings of one series."""

    counts: list[int]
    """The number of readings in each classic bucket; the last has those above all bounds."""
    exemplars: list[Exemplar | None]
    """The newest exemplar of each classic bucket."""
    exponential: dict[int, int] = field(default_factory=dict)
    """The number of positive readings by ``bucket_index``."""
    zeros: int = 0
    sum: float = 0.0
    min: float = math.inf
    max: float = 0.0

    @property
    def count(self) -> int:
        return sum(self.counts)

    def copy(self) -> Distribution:
        return Distribution(
            self.counts.copy(),
            self.exemplars.copy(),
            self.exponential.copy(),
            self.zeros,
            self.sum,
            self.min,
            self.max,
        )


Snapshot = Mapping[Instrument, Mapping[AttributeValues, Distribution]]
"""All series of each histogram that has readings, by their attributes' values."""


class HistogramStore:
    """The histograms of a process, for any thread; readers take copies, so one can't change what another reads.

    The SDK's own histograms cost a view and a reservoir for each reader, and their exemplars are gone after the first
    collection. ``started`` is the time of creation in Unix nanoseconds.
    """

    def __init__(self, instruments: Iterable[Instrument] = CONTRACT) -> None:
        """Makes the histograms among ``instruments``; ``record`` takes no others."""
        self.started = time.time_ns()
        self._histograms = {each.name: _Histogram(each) for each in instruments if each.kind == "histogram"}

    def record(self, name: str, value: float, values: AttributeValues, context: Context | None) -> None:
        """Records a reading; a sampled span in ``context``, or in the current one, becomes its exemplar.

        ``values`` are the attributes' values in the contract's order; the caller must keep the number of combinations
        small. Readings that are negative or not finite are dropped with a warning, as the SDK drops negative ones.
        Raises KeyError for another name than a histogram's.
        """
        value = float(value)
        if not 0 <= value < math.inf:
            log.warning("%s: a reading must be finite and not negative; one was dropped", name)
            return
        span = get_current_span(context).get_span_context()
        exemplar = (
            Exemplar({}, value, time.time_ns(), span.span_id, span.trace_id) if span.trace_flags.sampled else None
        )
        self._histograms[name].record(value, values, exemplar)

    def snapshot(self) -> Snapshot:
        """Returns a copy of all series."""
        copies = ((histogram.instrument, histogram.copy()) for histogram in self._histograms.values())
        return {instrument: series for instrument, series in copies if series}


class _Histogram:
    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self._series: dict[AttributeValues, _Series] = {}
        self._creating = threading.Lock()

    def record(self, value: float, values: AttributeValues, exemplar: Exemplar | None) -> None:
        bounds = self.instrument.buckets
        series = self._series.get(values)
        if series is None:
            with self._creating:
                series = self._series.setdefault(values, _Series(len(bounds) + 1))
        series.record(value, bisect_left(bounds, value), exemplar)

    def copy(self) -> dict[AttributeValues, Distribution]:
        with self._creating:
            series = list(self._series.items())
        return {values: one.copy() for values, one in series}


class _Series:
    """A distribution under a lock of its own, so that reading many series holds up none for long."""

    def __init__(self, buckets: int) -> None:
        self._distribution = Distribution([0] * buckets, [None] * buckets)
        self._lock = threading.Lock()

    def record(self, value: float, bucket: int, exemplar: Exemplar | None) -> None:
        index = bucket_index(value) if value else None
        with self._lock:
            into = self._distribution
            into.counts[bucket] += 1
            if index is None:
                into.zeros += 1
            else:
                into.exponential[index] = into.exponential.get(index, 0) + 1
            into.sum += value
            into.min = min(value, into.min)
            into.max = max(value, into.max)
            if exemplar is not None:
                into.exemplars[bucket] = exemplar

    def copy(self) -> Distribution:
        with self._lock:
            return self._distribution.copy()
