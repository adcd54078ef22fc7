"""Adds the histograms of the store, classic and exponential, to what the SDK exports over OTLP."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics import Histogram as HistogramInstrument
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Buckets,
    ExponentialHistogram,
    ExponentialHistogramDataPoint,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    ScopeMetrics,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel.contract.buckets import SCALE
from otel.contract.instrument import Instrument
from otel.sdk.histograms import AttributeValues, Distribution, HistogramStore, Snapshot

NO_BUCKETS = Buckets(0, [])


class HistogramExporter(MetricExporter):
    """Exports through another exporter what the SDK collected, and in the same scope the histograms of a store.

    Each histogram is two metrics of one name, the second exponential. They are cumulative, or deltas if the exporter
    prefers those for histograms. An exemplar is sent once, since Prometheus drops
    new exemplars that come with old ones. What an export could not send is sent by the next. The SDK exports only if it
    has a reading of its own; the gauges of the server always have one.
    """

    def __init__(self, exporter: MetricExporter, histograms: HistogramStore, scope: InstrumentationScope) -> None:
        temporality = exporter._preferred_temporality
        super().__init__(temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self._histograms = histograms
        self._scope = scope
        self._delta = (temporality or {}).get(HistogramInstrument) is AggregationTemporality.DELTA
        self._exported: Snapshot = {}
        self._exported_at = histograms.started

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        snapshot, now = self._histograms.snapshot(), time.time_ns()
        metrics = [metric for pair in self._metrics(snapshot, now) for metric in pair]
        result = self._exporter.export(_with(metrics_data, self._scope, metrics), timeout_millis, **kwargs)
        if result is MetricExportResult.SUCCESS:
            self._exported, self._exported_at = snapshot, now
        return result

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._exporter.shutdown(timeout_millis, **kwargs)

    def _metrics(self, snapshot: Snapshot, now: int) -> Iterator[tuple[Metric, Metric]]:
        for instrument, series in snapshot.items():
            exported = self._exported.get(instrument, {})
            new = {values: _since(each, exported.get(values), self._delta) for values, each in series.items()}
            if self._delta:
                new = {values: each for values, each in new.items() if each.count}
            if new:
                temporality = AggregationTemporality.DELTA if self._delta else AggregationTemporality.CUMULATIVE
                start = self._exported_at if self._delta else self._histograms.started
                yield histogram_metrics(instrument, new, start, now, temporality)


def histogram_metrics(
    instrument: Instrument,
    series: Mapping[AttributeValues, Distribution],
    start: int,
    now: int,
    temporality: AggregationTemporality = AggregationTemporality.CUMULATIVE,
) -> tuple[Metric, Metric]:
    """Returns a histogram as the SDK's data, classic and exponential; ``start`` and ``now`` are Unix nanoseconds.

    Deltas have no minimum and maximum, since the store has only those of all readings.
    """
    names = [attribute.name for attribute in instrument.attributes]
    classic, exponential = [], []
    for values, each in series.items():
        attributes = dict(zip(names, values, strict=True))
        exemplars = sorted((e for e in each.exemplars if e is not None), key=lambda e: e.time_unix_nano)
        both: dict[str, Any] = {
            "attributes": attributes,
            "start_time_unix_nano": start,
            "time_unix_nano": now,
            "count": each.count,
            "sum": each.sum,
            "min": each.min if temporality is AggregationTemporality.CUMULATIVE else None,
            "max": each.max if temporality is AggregationTemporality.CUMULATIVE else None,
            "exemplars": exemplars,
        }
        classic.append(HistogramDataPoint(bucket_counts=each.counts, explicit_bounds=instrument.buckets, **both))
        exponential.append(
            ExponentialHistogramDataPoint(
                scale=SCALE,
                zero_count=each.zeros,
                positive=_dense(each.exponential),
                negative=NO_BUCKETS,
                flags=0,
                **both,
            )
        )
    described = (instrument.name, instrument.help, instrument.unit)
    return (
        Metric(*described, Histogram(classic, temporality)),
        Metric(*described, ExponentialHistogram(exponential, temporality)),
    )


def _dense(counts: Mapping[int, int]) -> Buckets:
    if not counts:
        return NO_BUCKETS
    first, last = min(counts), max(counts)
    return Buckets(first, [counts.get(index, 0) for index in range(first, last + 1)])


def _since(now: Distribution, earlier: Distribution | None, delta: bool) -> Distribution:
    """Returns ``now`` with the exemplars that are not in ``earlier``; a delta has only the readings since then, too."""
    if earlier is None:
        return now
    exemplars: list[Exemplar | None] = [
        exemplar if exemplar is not before else None
        for exemplar, before in zip(now.exemplars, earlier.exemplars, strict=True)
    ]
    if not delta:
        return replace(now, exemplars=exemplars)
    more = {index: count - earlier.exponential.get(index, 0) for index, count in now.exponential.items()}
    return Distribution(
        [count - before for count, before in zip(now.counts, earlier.counts, strict=True)],
        exemplars,
        {index: count for index, count in more.items() if count},
        now.zeros - earlier.zeros,
        now.sum - earlier.sum,
    )


def _with(data: MetricsData, scope: InstrumentationScope, metrics: list[Metric]) -> MetricsData:
    """Returns ``data`` with more metrics in a scope; a scope that is there twice would lose its first metrics."""
    [of_process] = data.resource_metrics
    scopes = [
        replace(each, metrics=[*each.metrics, *metrics]) if each.scope == scope else each
        for each in of_process.scope_metrics
    ]
    if all(each.scope != scope for each in scopes):
        scopes.append(ScopeMetrics(scope, metrics, scope.schema_url or ""))
    return MetricsData([replace(of_process, scope_metrics=scopes)])
