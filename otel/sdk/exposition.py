"""Renders metrics for scrapes, without another program: Prometheus text, OpenMetrics or Prometheus' protobuf."""

from __future__ import annotations

import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from opentelemetry.sdk.metrics.export import (
    Histogram,
    HistogramDataPoint,
    InMemoryMetricReader,
    Metric,
    NumberDataPoint,
    Sum,
)
from opentelemetry.trace import format_span_id, format_trace_id
from prometheus_client.core import Exemplar
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from otel.contract.instrument import Kind, prometheus_name
from otel.sdk.histogram_export import histogram_metrics
from otel.sdk.histograms import HistogramStore

OPEN_METRICS = "application/openmetrics-text"
CONTENT_TYPES: dict[str, Callable[[Any], bytes]] = {
    CONTENT_TYPE_PLAIN_0_0_4: generate_latest,
    openmetrics.CONTENT_TYPE_LATEST: openmetrics.generate_latest,
}
"""The content types and their encoders."""


class Exposition:
    """Collects from the SDK's readers and the store on each scrape, which shows current values.

    It is too slow for the event loop.
    """

    def __init__(self, readers: Sequence[InMemoryMetricReader], histograms: HistogramStore | None = None) -> None:
        self._readers = readers
        self._histograms = histograms

    def render(self, content_type: str) -> bytes:
        """Returns the body of a scrape, in one of CONTENT_TYPES."""
        return CONTENT_TYPES[content_type](self)

    def collect(self) -> Iterator[Family]:
        """Returns the metric families, in the shape that prometheus_client's encoders read."""
        for metric, _ in self.metrics():
            yield _family(metric)

    def metrics(self) -> Iterator[tuple[Metric, Metric | None]]:
        """Returns the current metrics; a histogram of the store has its exponential form beside it."""
        for reader in self._readers:
            data = reader.get_metrics_data()
            for resource in data.resource_metrics if data else ():
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        yield metric, None
        if self._histograms is not None:
            for instrument, series in self._histograms.snapshot().items():
                yield histogram_metrics(instrument, series, self._histograms.started, time.time_ns())


def content_type(accept: str) -> str:
    """Returns the content type for a scrape: OpenMetrics if the header Accept names it, else Prometheus text.

    Parameters of Accept are ignored: our names and values are the same in every version and escaping.
    """
    kinds = (kind.partition(";")[0].strip().lower() for kind in accept.split(","))
    return openmetrics.CONTENT_TYPE_LATEST if OPEN_METRICS in kinds else CONTENT_TYPE_PLAIN_0_0_4


def _family(metric: Metric) -> Family:
    data = metric.data
    kind: Kind = "histogram" if isinstance(data, Histogram) else "gauge"
    if isinstance(data, Sum) and data.is_monotonic:
        kind = "counter"
    name = prometheus_name(metric.name, metric.unit or "", kind)
    family = Family(name.removesuffix("_total") if kind == "counter" else name, metric.description or metric.name, kind)
    for point in data.data_points:
        labels = {_label(key): str(value) for key, value in (point.attributes or {}).items()}
        if isinstance(point, HistogramDataPoint):
            _add_histogram(family, name, labels, point)
        elif isinstance(point, NumberDataPoint):
            family.add_sample(name, labels, point.value)
    return family


def _add_histogram(family: Family, name: str, labels: dict[str, str], point: HistogramDataPoint) -> None:
    bounds = point.explicit_bounds
    exemplars = {bisect_left(bounds, e.value): e for e in point.exemplars if e.trace_id is not None}
    cumulative = 0
    for index, count in enumerate(point.bucket_counts):
        cumulative += count
        bound = repr(float(bounds[index])) if index < len(bounds) else "+Inf"
        sdk_exemplar = exemplars.get(index)
        exemplar = None
        if sdk_exemplar is not None and sdk_exemplar.trace_id is not None and sdk_exemplar.span_id is not None:
            ids = {"trace_id": format_trace_id(sdk_exemplar.trace_id), "span_id": format_span_id(sdk_exemplar.span_id)}
            exemplar = Exemplar(ids, sdk_exemplar.value, sdk_exemplar.time_unix_nano / 1e9)
        family.add_sample(f"{name}_bucket", {**labels, "le": bound}, cumulative, exemplar=exemplar)
    family.add_sample(f"{name}_count", labels, point.count)
    family.add_sample(f"{name}_sum", labels, point.sum)


def _label(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)
