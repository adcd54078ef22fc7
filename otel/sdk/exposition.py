"""Renders metrics for scrapes, without another program: Prometheus text, OpenMetrics or Prometheus' protobuf."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, Metric, NumberDataPoint
from prometheus_client.core import Exemplar
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from otel.sdk import prometheus_protobuf
from otel.sdk.histogram_export import histogram_metrics
from otel.sdk.histograms import HistogramStore
from otel.sdk.prometheus_data import described, exemplar_labels, exemplars_by_bucket, labels

PROTOBUF = prometheus_protobuf.CONTENT_TYPE
OPEN_METRICS = openmetrics.CONTENT_TYPE_LATEST
TEXT = CONTENT_TYPE_PLAIN_0_0_4
PROTOBUF_PARAMETERS = {"proto": "io.prometheus.client.MetricFamily", "encoding": "delimited"}


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


CONTENT_TYPES: dict[str, Callable[[Exposition], bytes]] = {
    TEXT: generate_latest,
    OPEN_METRICS: openmetrics.generate_latest,
    PROTOBUF: lambda exposition: prometheus_protobuf.encode(exposition.metrics()),
}
"""The content types and their encoders. Only protobuf has native histograms, and plain text has no exemplars."""


def content_type(accept: str) -> str:
    """Returns the content type that the header Accept prefers; plain text if it names none of ours.

    Of types with the same weight q the first is taken. Versions and escaping are ignored: our names and values are the
    same in every version.
    """
    offers = [_offer(each) for each in accept.split(",")]
    best = max((weight for _, weight in offers), default=0.0)
    return next((kind for kind, weight in offers if kind and weight == best > 0), TEXT)


def _offer(accepted: str) -> tuple[str, float]:
    """Returns our content type for a part of the header, or an empty text, and its weight, 0 if we have none."""
    kind, *parameters = (each.strip() for each in accepted.split(";"))
    given = {name.strip().lower(): value.strip(' "') for name, _, value in (each.partition("=") for each in parameters)}
    q = given.get("q", "1")
    weight = float(q) if re.fullmatch(r"[01](\.\d{0,3})?", q, re.ASCII) else 0.0
    match kind.lower():
        case "application/openmetrics-text":
            return OPEN_METRICS, weight
        case "text/plain" | "text/*" | "*/*":
            return TEXT, weight
        case "application/vnd.google.protobuf" if given.items() >= PROTOBUF_PARAMETERS.items():
            return PROTOBUF, weight
    return "", 0.0


def _family(metric: Metric) -> Family:
    kind, name = described(metric)
    family = Family(name.removesuffix("_total") if kind == "counter" else name, metric.description or metric.name, kind)
    for point in metric.data.data_points:
        if isinstance(point, HistogramDataPoint):
            _add_histogram(family, name, labels(point), point)
        elif isinstance(point, NumberDataPoint):
            family.add_sample(name, labels(point), point.value)
    return family


def _add_histogram(family: Family, name: str, labels: dict[str, str], point: HistogramDataPoint) -> None:
    exemplars = exemplars_by_bucket(point)
    cumulative = 0
    for index, count in enumerate(point.bucket_counts):
        cumulative += count
        bound = repr(float(point.explicit_bounds[index])) if index < len(point.explicit_bounds) else "+Inf"
        kept = exemplars.get(index)
        exemplar = Exemplar(exemplar_labels(kept), kept.value, kept.time_unix_nano / 1e9) if kept else None
        family.add_sample(f"{name}_bucket", {**labels, "le": bound}, cumulative, exemplar=exemplar)
    family.add_sample(f"{name}_count", labels, point.count)
    family.add_sample(f"{name}_sum", labels, point.sum)
