"""What the SDK's exporters get from the OTEL_* variables, and what leaves them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.common.http import Compression
from opentelemetry.exporter.otlp.proto.grpc.exporter import OTLPExporterMixin
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExportResult
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import Link, SpanContext, TraceFlags

from otel.contract.event_fields import REQUEST_FIELDS, DriftField
from otel.sdk.exporters import log_exporter, metric_exporter, metric_reader, span_exporter
from otel.sdk.library_views import SDK_SWITCH
from otel.sdk.otlp import problems
from otel.sdk.spans import EXPORTED
from otel.sdk.variable_rules import SIGNALS, Signal
from otel.sdk.variables import tidy
from tests.certificates import Certificates, certificates_in
from tests.collector import Collector, HTTPCollector

OTLP = "OTEL_EXPORTER_OTLP_"
MAKE: dict[Signal, Callable[[], Any]] = {
    "TRACES": lambda: span_exporter(NoOpMeterProvider()),
    "METRICS": metric_exporter,
    "LOGS": lambda: log_exporter(NoOpMeterProvider()),
}
Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Sets only the variables that it is given, and finds no error in them."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)

    def put(**variables: str) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name if name.startswith("OTEL_") else OTLP + name, value)
        tidy()
        assert problems() == []

    return put


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


def span(**attributes: str) -> ReadableSpan:
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    links = [Link(SpanContext(number, number, is_remote=True)) for number in (3, 4)]
    return ReadableSpan("POST /tts", context, None, Resource({}), attributes, links=links, start_time=1, end_time=2)


def event(**attributes: str) -> ReadableLogRecord:
    return ReadableLogRecord(LogRecord(event_name="tts.request", attributes=attributes), Resource({}))


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_exporter_over_grpc_gets_what_the_variables_say(environment: Environment, signal: Signal) -> None:
    environment(
        ENDPOINT="http://collector:4317",
        HEADERS="Authorization=Bearer%20x==,b=2",
        TIMEOUT="2.5",
        COMPRESSION="gzip",
        INSECURE="false",  # a scheme takes precedence
    )
    exporter = MAKE[signal]()
    assert isinstance(exporter, OTLPExporterMixin)
    assert (exporter._endpoint, exporter._insecure, exporter._timeout) == ("collector:4317", True, 2.5)
    assert dict(exporter._headers) == {"authorization": "Bearer x==", "b": "2"}
    assert exporter._compression is grpc.Compression.Gzip
    exporter.shutdown()


@pytest.mark.parametrize("signal", SIGNALS)
def test_an_exporter_over_http_gets_what_the_variables_say(
    environment: Environment, certificates: Certificates, signal: Signal
) -> None:
    environment(
        ENDPOINT="https://collector/otlp",
        PROTOCOL="http/protobuf",
        HEADERS="Authorization=Bearer%20x==,b=2",
        TIMEOUT="2.5",
        COMPRESSION="gzip",
        CERTIFICATE=str(certificates.authority),
        CLIENT_KEY=str(certificates.client_key),
        CLIENT_CERTIFICATE=str(certificates.client),
    )
    exporter = MAKE[signal]()
    client = exporter._client
    assert (client._endpoint, client._timeout) == (f"https://collector/otlp/v1/{signal.lower()}", 2.5)
    assert client._headers.items() >= {"authorization": "Bearer x==", "b": "2"}.items()
    assert client._compression is Compression.GZIP
    session = client._transport._session
    assert session.verify == str(certificates.authority)
    assert session.cert == (str(certificates.client), str(certificates.client_key))
    exporter.shutdown()


@pytest.mark.parametrize("signal", SIGNALS)
def test_each_signal_has_a_protocol_of_its_own(environment: Environment, signal: Signal) -> None:
    environment(ENDPOINT="http://collector:4317", COMPRESSION="none", **{f"{signal}_PROTOCOL": "http/protobuf"})
    exporters = {name: make() for name, make in MAKE.items()}
    assert [name for name, made in exporters.items() if not isinstance(made, OTLPExporterMixin)] == [signal]
    assert exporters[signal]._client._compression is Compression.NONE
    for exporter in exporters.values():
        exporter.shutdown()


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
@pytest.mark.parametrize(
    ("preference", "of_counters", "of_observed"),
    [("", "CUMULATIVE", "CUMULATIVE"), ("delta", "DELTA", "DELTA"), ("LowMemory", "DELTA", "CUMULATIVE")],
)
def test_the_temporality_is_the_preferred_one(
    environment: Environment, protocol: str, preference: str, of_counters: str, of_observed: str
) -> None:
    environment(PROTOCOL=protocol, METRICS_TEMPORALITY_PREFERENCE=preference)
    exporter = metric_exporter()
    preferred = exporter._preferred_temporality
    assert preferred[Counter] is preferred[Histogram] is AggregationTemporality[of_counters]
    assert preferred[ObservableCounter] is AggregationTemporality[of_observed]
    exporter.shutdown()


def test_metrics_are_exported_as_often_as_the_variables_say(environment: Environment) -> None:
    environment(OTEL_METRIC_EXPORT_INTERVAL="60000", OTEL_METRIC_EXPORT_TIMEOUT="250")
    exporter = metric_exporter()
    reader: Any = metric_reader(exporter)
    assert (reader._export_interval_millis, reader._export_timeout_millis, exporter._timeout) == (60_000, 250, 0.25)
    exporter.shutdown()
    reader._shutdown_event.set()


@pytest.mark.parametrize("receiver", [Collector, HTTPCollector], ids=["grpc", "http"])
def test_headers_and_certificates_reach_a_receiver(
    environment: Environment, certificates: Certificates, receiver: type[Collector | HTTPCollector]
) -> None:
    collector = receiver(certificates)
    environment(
        ENDPOINT=collector.endpoint,
        PROTOCOL="grpc" if receiver is Collector else "http/protobuf",
        HEADERS="api-key=a%2Cb",
        COMPRESSION="gzip",
        CERTIFICATE=str(certificates.authority),
        CLIENT_KEY=str(certificates.client_key),
        CLIENT_CERTIFICATE=str(certificates.client),
    )
    spans, events = span_exporter(NoOpMeterProvider()), log_exporter(NoOpMeterProvider())
    assert spans.export([span(a="1")]) is SpanExportResult.SUCCESS
    assert events.export([event(a="1")]) is LogRecordExportResult.SUCCESS
    collector.stop()
    assert [received.name for received in collector.spans()] == ["POST /tts"]
    assert [received.event_name for received in collector.events()] == ["tts.request"]
    assert [headers["api-key"] for headers in collector.headers] == ["a,b", "a,b"]
    if receiver is HTTPCollector:
        assert [headers["content-encoding"] for headers in collector.headers] == ["gzip", "gzip"]


def test_nothing_else_on_the_machine_replaces_headers_and_certificates(
    environment: Environment, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificates.client))
    collector = HTTPCollector(certificates)
    environment(
        ENDPOINT=collector.endpoint,
        PROTOCOL="http/protobuf",
        HEADERS="Authorization=Bearer%20ours",
        CERTIFICATE=str(certificates.authority),
        CLIENT_KEY=str(certificates.client_key),
        CLIENT_CERTIFICATE=str(certificates.client),
    )
    assert span_exporter(NoOpMeterProvider()).export([span(a="1")]) is SpanExportResult.SUCCESS
    collector.stop()
    assert [headers["authorization"] for headers in collector.headers] == ["Bearer ours"]


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_receiver_that_nobody_vouches_for_gets_nothing(
    environment: Environment, certificates: Certificates, tmp_path: Path, protocol: str
) -> None:
    collector = (Collector if protocol == "grpc" else HTTPCollector)(certificates)
    another = certificates_in(tmp_path)
    environment(
        ENDPOINT=collector.endpoint,
        PROTOCOL=protocol,
        TIMEOUT="0.5",
        CERTIFICATE=str(another.authority),
        CLIENT_KEY=str(certificates.client_key),
        CLIENT_CERTIFICATE=str(certificates.client),
    )
    assert span_exporter(NoOpMeterProvider()).export([span(a="1")]) is SpanExportResult.FAILURE
    collector.stop()
    assert collector.received == []


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_a_receiver_refuses_counts_as_lost(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    collector = HTTPCollector(status=status)
    environment(ENDPOINT=collector.endpoint, PROTOCOL="http/protobuf")
    monkeypatch.setenv(SDK_SWITCH, "true")
    reader = InMemoryMetricReader()
    exporter = span_exporter(MeterProvider([reader], shutdown_on_exit=False))
    assert exporter.export([span(a="1"), span(a="2")]) is SpanExportResult.FAILURE
    exporter.shutdown()
    collector.stop()
    data = reader.get_metrics_data()
    assert data is not None
    [exported] = [
        metric
        for scope in data.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        if metric.name == "otel.sdk.exporter.span.exported"
    ]
    [point] = exported.data.data_points
    assert (point.value, (point.attributes or {})["error.type"]) == (2, "HTTPError")


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_exported_spans_and_events_keep_to_the_limits(environment: Environment, protocol: str) -> None:
    collector = Collector() if protocol == "grpc" else HTTPCollector()
    environment(
        ENDPOINT=collector.endpoint,
        PROTOCOL=protocol,
        OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT="3",
        OTEL_ATTRIBUTE_COUNT_LIMIT="2",
        OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT="4",
        OTEL_SPAN_LINK_COUNT_LIMIT="1",
        OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT="1",
    )
    kept_span, kept_event = span(a="12345", b="1", c="1"), event(a="12345", b="1", c="1")
    spans, events = span_exporter(NoOpMeterProvider()), log_exporter(NoOpMeterProvider())
    spans.export([kept_span])
    events.export([kept_event])
    spans.shutdown()
    events.shutdown()
    collector.stop()
    [received] = collector.spans()
    assert {attribute.key: attribute.value.string_value for attribute in received.attributes} == {"a": "1234", "b": "1"}
    assert (received.dropped_attributes_count, received.dropped_links_count, len(received.links)) == (1, 1, 1)
    assert int.from_bytes(received.links[0].trace_id, "big") == 3
    [received] = collector.events()
    assert {attribute.key: attribute.value.string_value for attribute in received.attributes} == {"a": "123"}
    assert received.dropped_attributes_count == 2
    assert len(kept_span.attributes or {}) == len(kept_event.log_record.attributes or {}) == 3  # memory and files


def test_no_span_and_no_event_reaches_the_default_limit() -> None:
    assert max(len(EXPORTED), len(REQUEST_FIELDS), len(DriftField)) < 128
