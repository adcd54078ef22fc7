"""What OTLP readers get of the histograms: two metrics of one name, each exemplar once, deltas that lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import Histogram, MeterProvider
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel.contract.labels import Source
from otel.contract.metrics import AUDIO_DURATION, WORDS_TOTAL
from otel.sdk.histogram_export import HistogramExporter
from otel.sdk.histograms import HistogramStore
from otel.sdk.recording import Metrics

NAME = AUDIO_DURATION.name


class Receiver(MetricExporter):
    """Keeps what is exported, as OTLP; refuses while it is ``down``."""

    def __init__(self, temporality: AggregationTemporality) -> None:
        super().__init__({Histogram: temporality})
        self.exports: list[dict[str, list[Any]]] = []
        self.scopes: list[str] = []
        self.down = self.closed = False

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        assert not self.closed
        [of_process] = encode_metrics(metrics_data).resource_metrics
        self.scopes = [scope.scope.name for scope in of_process.scope_metrics]
        by_name: dict[str, list[Any]] = {}
        for metric in of_process.scope_metrics[0].metrics:
            by_name.setdefault(metric.name, []).append(metric)
        if not self.down:
            self.exports.append(by_name)
        return MetricExportResult.FAILURE if self.down else MetricExportResult.SUCCESS

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self.closed = True

    @property
    def points(self) -> tuple[Any, Any]:
        """The newest points of the histogram, classic and exponential."""
        classic, exponential = self.exports[-1][NAME]
        [one], [other] = classic.histogram.data_points, exponential.exponential_histogram.data_points
        return one, other


class Exporting:
    """A store, and two readers that export it when asked."""

    def __init__(self, temporality: AggregationTemporality) -> None:
        self.store = HistogramStore()
        self.receivers = [Receiver(temporality) for _ in range(2)]
        scope = InstrumentationScope("ttscope", "1")
        self.readers = [
            PeriodicExportingMetricReader(HistogramExporter(receiver, self.store, scope), float("inf"))
            for receiver in self.receivers
        ]
        self.provider = MeterProvider(self.readers, shutdown_on_exit=False)
        lists = {source: frozenset({"joe"}) for source in Source}
        self.metrics = Metrics(self.provider.get_meter("ttscope", "1"), lists, self.store)
        self.metrics.add(WORDS_TOTAL, 0, voice_name="joe", client="anonymous")

    def record(self, *values: float, trace: int = 0) -> None:
        span = SpanContext(trace, 1, is_remote=False, trace_flags=TraceFlags(bool(trace)))
        context = set_span_in_context(NonRecordingSpan(span), Context())
        for value in values:
            self.metrics.record(AUDIO_DURATION, value, context, voice_name="joe")

    def export(self, reader: int = 0) -> Receiver:
        self.readers[reader].collect()
        return self.receivers[reader]


@pytest.fixture
def cumulative() -> Iterator[Exporting]:
    exporting = Exporting(AggregationTemporality.CUMULATIVE)
    yield exporting
    exporting.provider.shutdown()


@pytest.fixture
def delta() -> Iterator[Exporting]:
    exporting = Exporting(AggregationTemporality.DELTA)
    yield exporting
    exporting.provider.shutdown()


def traces(point: Any) -> list[int]:
    return [int.from_bytes(exemplar.trace_id, "big") for exemplar in point.exemplars]


def test_both_forms_are_in_the_scope_of_the_counters(cumulative: Exporting) -> None:
    cumulative.record(0, 0.5, 3, trace=7)
    receiver = cumulative.export()
    assert receiver.scopes == ["ttscope"]
    assert set(receiver.exports[0]) == {NAME, WORDS_TOTAL.name}
    classic, exponential = receiver.points
    assert list(classic.bucket_counts) == [2, 0, 0, 1, *[0] * 8]
    assert list(classic.explicit_bounds) == list(AUDIO_DURATION.buckets)
    assert (exponential.scale, exponential.zero_count) == (4, 1)
    counts = list(exponential.positive.bucket_counts)
    assert (exponential.positive.offset, counts[0], counts[-1], sum(counts)) == (-17, 1, 1, 2)
    for point in (classic, exponential):
        assert (point.count, point.sum, point.min, point.max) == (3, 3.5, 0, 3)
        assert [attribute.key for attribute in point.attributes] == ["voice_name"]
        assert traces(point) == [7, 7]
        assert cumulative.store.started == point.start_time_unix_nano < point.time_unix_nano


def test_cumulative_counts_grow_and_every_reader_gets_each_exemplar_once(cumulative: Exporting) -> None:
    cumulative.record(3, trace=1)
    cumulative.export(0)
    cumulative.record(3, trace=2)
    cumulative.record(0.1, trace=3)
    for reader, expected in ((0, [2, 3]), (1, [2, 3])):
        for point in cumulative.export(reader).points:
            assert (point.count, traces(point)) == (3, expected)
        for point in cumulative.export(reader).points:
            assert (point.count, traces(point)) == (3, [])


def test_exemplars_are_in_the_order_of_time(cumulative: Exporting) -> None:
    for trace, value in enumerate((500, 7, 0.1, 50), 1):
        cumulative.record(value, trace=trace)
    assert traces(cumulative.export().points[0]) == [1, 2, 3, 4]


def test_deltas_are_the_readings_since_the_last_export(delta: Exporting) -> None:
    delta.record(0, 3, trace=1)
    first, _ = delta.export().points
    delta.record(0.1)
    delta.record(3, trace=2)
    receiver = delta.export()
    for kind in receiver.exports[-1][NAME]:
        data = kind.histogram if kind.HasField("histogram") else kind.exponential_histogram
        assert data.aggregation_temporality == 1
    classic, exponential = receiver.points
    assert classic.start_time_unix_nano == exponential.start_time_unix_nano == first.time_unix_nano
    assert (classic.count, exponential.count, exponential.zero_count) == (2, 2, 0)
    assert classic.sum == exponential.sum == pytest.approx(3.1)
    assert sum(exponential.positive.bucket_counts) == 2
    assert traces(classic) == [2]
    assert not classic.HasField("min")
    assert not exponential.HasField("max")


def test_a_delta_without_readings_is_left_out(delta: Exporting) -> None:
    delta.record(3)
    delta.export()
    assert NAME not in delta.export().exports[-1]


def test_another_reader_has_deltas_of_its_own(delta: Exporting) -> None:
    delta.record(3)
    delta.export(0)
    delta.record(3)
    assert delta.export(0).points[0].count == 1
    assert delta.export(1).points[0].count == 2


@pytest.mark.parametrize("name", ["cumulative", "delta"])
def test_what_could_not_be_sent_is_sent_by_the_next_export(name: str, request: pytest.FixtureRequest) -> None:
    exporting: Exporting = request.getfixturevalue(name)
    exporting.receivers[0].down = True
    exporting.record(3, trace=1)
    exporting.export()
    exporting.receivers[0].down = False
    for point in exporting.export().points:
        assert (point.count, traces(point)) == (1, [1])


def test_the_last_readings_are_exported_at_shutdown() -> None:
    exporting = Exporting(AggregationTemporality.CUMULATIVE)
    receiver = Receiver(AggregationTemporality.CUMULATIVE)
    exporter = HistogramExporter(receiver, exporting.store, InstrumentationScope("ttscope", "1"))
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3_600_000)], shutdown_on_exit=False)
    metrics = Metrics(provider.get_meter("ttscope", "1"), {source: frozenset({"joe"}) for source in Source}, None)
    metrics.add(WORDS_TOTAL, 1, voice_name="joe", client="anonymous")
    exporting.record(3)
    provider.shutdown()
    assert receiver.points[0].count == 1
    assert receiver.closed
    exporting.provider.shutdown()
