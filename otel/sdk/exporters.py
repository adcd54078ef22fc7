"""Builds the OTLP exporters by the OTEL_* variables, over gRPC or HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.trace.export import SpanExporter

from otel.sdk.limits import limited_events, limited_spans
from otel.sdk.otlp import GRPC, Target, metric_interval, metric_timeout, target

POINTS_PER_MESSAGE = 2000
"""The data points of one OTLP message: some 800 kB, where a Collector takes 4 MiB; 50 voices have 4,000 points."""


def span_exporter(meter_provider: MeterProvider) -> SpanExporter:
    """Returns the exporter of spans; ``meter_provider`` counts its exports."""
    spans = target("TRACES")
    if spans.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        return limited_spans(OTLPSpanExporter(**_over_grpc(spans), meter_provider=meter_provider))
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HTTPSpanExporter

    from otel.sdk.otlp_over_http import over_http

    return limited_spans(HTTPSpanExporter(**over_http(spans), meter_provider=meter_provider))


def metric_exporter() -> MetricExporter:
    """Returns the exporter of metrics, with the temporality that OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE
    prefers."""
    metrics = target("METRICS")
    if metrics.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

        return OTLPMetricExporter(**_over_grpc(metrics), max_export_batch_size=POINTS_PER_MESSAGE)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HTTPMetricExporter

    from otel.sdk.otlp_over_http import over_http

    return HTTPMetricExporter(**over_http(metrics), max_export_batch_size=POINTS_PER_MESSAGE)


def metric_reader(exporter: MetricExporter) -> MetricReader:
    """Returns a reader that hands the metrics to ``exporter`` every OTEL_METRIC_EXPORT_INTERVAL."""
    return PeriodicExportingMetricReader(exporter, metric_interval(), metric_timeout())


def log_exporter(meter_provider: MeterProvider) -> LogRecordExporter:
    """Returns the exporter of events; ``meter_provider`` counts its exports."""
    events = target("LOGS")
    if events.protocol == GRPC:
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter

        return limited_events(OTLPLogExporter(**_over_grpc(events), meter_provider=meter_provider))
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter as HTTPLogExporter

    from otel.sdk.otlp_over_http import over_http

    return limited_events(HTTPLogExporter(**over_http(events), meter_provider=meter_provider))


def _over_grpc(to: Target) -> dict[str, Any]:
    """Returns the arguments of a gRPC exporter.

    The exporter would itself use a client's key only together with CERTIFICATE, and no option of one signal together
    with another of all signals.
    """
    credentials = None
    if not to.plain:
        credentials = grpc.ssl_channel_credentials(
            *(
                Path(path).read_bytes() if path else None
                for path in (to.certificate, to.client_key, to.client_certificate)
            )
        )
    return {
        "endpoint": to.endpoint,
        "insecure": to.plain,
        "credentials": credentials,
        "headers": tuple(to.headers.items()),
        "timeout": to.seconds,
        "compression": grpc.Compression.Gzip if to.gzip else grpc.Compression.NoCompression,
    }
