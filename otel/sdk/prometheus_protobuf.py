"""Prometheus' protobuf format, the one exposition format that has native histograms.

Source: the messages of io.prometheus.client in metrics.proto of prometheus/client_model.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FieldOptions, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.proto import serialize_length_prefixed
from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    Buckets,
    DataPointT,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
)

from otel.sdk.prometheus_data import described, exemplar_labels, exemplars_by_bucket, labels

CONTENT_TYPE = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
PACKAGE = "io.prometheus.client"
TYPES = {"counter": 0, "gauge": 1, "histogram": 4}
"""The numbers of the enum MetricType."""
FIELDS: Mapping[str, tuple[tuple[str, int, str], ...]] = {
    "LabelPair": (("name", 1, "string"), ("value", 2, "string")),
    "Gauge": (("value", 1, "double"),),
    "Counter": (("value", 1, "double"),),
    "Timestamp": (("seconds", 1, "int64"), ("nanos", 2, "int32")),
    "Exemplar": (("label", 1, "LabelPair*"), ("value", 2, "double"), ("timestamp", 3, "Timestamp")),
    "Bucket": (("cumulative_count", 1, "uint64"), ("upper_bound", 2, "double"), ("exemplar", 3, "Exemplar")),
    "BucketSpan": (("offset", 1, "sint32"), ("length", 2, "uint32")),
    "Histogram": (
        ("sample_count", 1, "uint64"),
        ("sample_sum", 2, "double"),
        ("bucket", 3, "Bucket*"),
        ("schema", 5, "sint32"),
        ("zero_threshold", 6, "double"),
        ("zero_count", 7, "uint64"),
        ("positive_span", 12, "BucketSpan*"),
        ("positive_delta", 13, "sint64*"),
        ("exemplars", 16, "Exemplar*"),
    ),
    "Metric": (
        ("label", 1, "LabelPair*"),
        ("gauge", 2, "Gauge"),
        ("counter", 3, "Counter"),
        ("histogram", 7, "Histogram"),
    ),
    "MetricFamily": (("name", 1, "string"), ("help", 2, "string"), ("type", 3, "int32"), ("metric", 4, "Metric*")),
}
"""The fields that we write, by message: name, number and type, with * if repeated. On the wire an enum is an int32, and
a Timestamp of our own is Google's."""


def _message_classes() -> dict[str, Any]:
    """Returns the class of each message; they are in a pool of their own, where no library's can collide with them."""
    file = FileDescriptorProto(name="metrics.proto", package=PACKAGE, syntax="proto2")
    for name, fields in FIELDS.items():
        file.message_type.append(DescriptorProto(name=name, field=[_field(*field) for field in fields]))
    pool = DescriptorPool()
    pool.Add(file)
    return {name: GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in FIELDS}


def _field(name: str, number: int, kind: str) -> FieldDescriptorProto:
    field = FieldDescriptorProto(name=name, number=number)
    field.label = FieldDescriptorProto.LABEL_REPEATED if kind.endswith("*") else FieldDescriptorProto.LABEL_OPTIONAL
    kind = kind.rstrip("*")
    if kind in FIELDS:
        field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")
        if field.label == FieldDescriptorProto.LABEL_REPEATED:
            field.options.CopyFrom(FieldOptions(packed=True))  # half the bytes; every parser reads both forms
    return field


MESSAGES = _message_classes()
FAMILY = MESSAGES["MetricFamily"]


def encode(metrics: Iterable[tuple[Metric, Metric | None]]) -> bytes:
    """Returns metrics, each histogram with its exponential form if it has one, as delimited messages MetricFamily."""
    body = io.BytesIO()
    for metric, exponential in metrics:
        kind, name = described(metric)
        family = FAMILY(name=name, help=metric.description or metric.name, type=TYPES[kind])
        points: Sequence[DataPointT] = metric.data.data_points
        others: Sequence[DataPointT | None] = exponential.data.data_points if exponential else [None] * len(points)
        for point, other in zip(points, others, strict=True):
            added = family.metric.add(label=_pairs(labels(point)))
            if isinstance(point, HistogramDataPoint):
                _set_classic(added.histogram, point)
                if isinstance(other, ExponentialHistogramDataPoint):
                    _set_native(added.histogram, other)
            elif isinstance(point, NumberDataPoint):
                getattr(added, kind).value = point.value
        serialize_length_prefixed(family, body)
    return body.getvalue()


def _set_classic(histogram: Any, point: HistogramDataPoint) -> None:
    histogram.sample_count = point.count
    histogram.sample_sum = point.sum
    exemplars = exemplars_by_bucket(point)
    cumulative = 0
    for index, count in enumerate(point.bucket_counts):
        cumulative += count
        bound = point.explicit_bounds[index] if index < len(point.explicit_bounds) else float("inf")
        exemplar = exemplars.get(index)
        histogram.bucket.add(
            cumulative_count=cumulative, upper_bound=bound, exemplar=None if exemplar is None else _exemplar(exemplar)
        )


def _set_native(histogram: Any, point: ExponentialHistogramDataPoint) -> None:
    histogram.schema = point.scale
    histogram.zero_threshold = 0.0
    histogram.zero_count = point.zero_count
    histogram.exemplars.extend(_exemplar(exemplar) for exemplar in point.exemplars)
    before, end = 0, 0
    for first, counts in _runs(point.positive):
        # Prometheus numbers a bucket by its upper bound, OTLP by its lower one.
        histogram.positive_span.add(offset=first + 1 - end, length=len(counts))
        end = first + 1 + len(counts)
        for count in counts:
            histogram.positive_delta.append(count - before)
            before = count


def _runs(buckets: Buckets) -> Iterator[tuple[int, Sequence[int]]]:
    """Returns the index of the first and the counts of every run of buckets between which three or more are empty.

    One or two empty buckets take less room than another span.
    """
    first, run = buckets.offset, list[int]()
    for index, count in enumerate(buckets.bucket_counts, buckets.offset):
        if count and run and not any(run[-3:]):
            yield first, _trimmed(run)
            first, run = index, []
        run.append(count)
    if run:
        yield first, run


def _trimmed(counts: list[int]) -> list[int]:
    while not counts[-1]:
        counts.pop()
    return counts


def _exemplar(exemplar: Exemplar) -> Any:
    seconds, nanos = divmod(exemplar.time_unix_nano, 10**9)
    return MESSAGES["Exemplar"](
        label=_pairs(exemplar_labels(exemplar)), value=exemplar.value, timestamp={"seconds": seconds, "nanos": nanos}
    )


def _pairs(values: Mapping[str, str]) -> list[Any]:
    return [{"name": name, "value": value} for name, value in values.items()]
