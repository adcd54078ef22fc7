"""What the exposition formats have in common: names, labels and exemplars of the SDK's data, as Prometheus has them."""

from __future__ import annotations

import re
from bisect import bisect_left

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import DataPointT, Histogram, HistogramDataPoint, Metric, Sum
from opentelemetry.trace import format_span_id, format_trace_id

from otel.contract.instrument import Kind, prometheus_name


def described(metric: Metric) -> tuple[Kind, str]:
    """Returns the kind and the name of a metric in Prometheus."""
    kind: Kind = "histogram" if isinstance(metric.data, Histogram) else "gauge"
    if isinstance(metric.data, Sum) and metric.data.is_monotonic:
        kind = "counter"
    return kind, prometheus_name(metric.name, metric.unit or "", kind)


def labels(point: DataPointT) -> dict[str, str]:
    """Returns the attributes of a point as labels."""
    return {re.sub(r"[^a-zA-Z0-9_]", "_", key): str(value) for key, value in (point.attributes or {}).items()}


def exemplars_by_bucket(point: HistogramDataPoint) -> dict[int, Exemplar]:
    """Returns the exemplars by the index of their bucket, whose upper bound is inclusive."""
    return {bisect_left(point.explicit_bounds, exemplar.value): exemplar for exemplar in point.exemplars}


def exemplar_labels(exemplar: Exemplar) -> dict[str, str]:
    """Returns the ids of an exemplar's trace and span, in hexadecimal; they are 63 of the 128 characters allowed."""
    return {
        "trace_id": format_trace_id(exemplar.trace_id or 0),
        "span_id": format_span_id(exemplar.span_id or 0),
    }
