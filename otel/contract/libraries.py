"""Metrics that libraries make: the aiohttp instrumentation, the SDK about its exports, the Collector about spans."""

from __future__ import annotations

from dataclasses import dataclass

from otel.contract.event_fields import RequestField
from otel.contract.instrument import Kind, prometheus_name

HTTP = ("http.request.method", "http.response.status_code", "http.route")
"""All other labels of the instrumentation hold what clients write."""
ERROR = ("error.type",)


@dataclass(frozen=True, slots=True)
class LibraryMetric:
    """A metric of a library: its OpenTelemetry name, kind and unit, the meaning of its number, the labels it keeps."""

    name: str
    kind: Kind
    unit: str
    help: str
    attributes: tuple[str, ...] = ()

    @property
    def prometheus_name(self) -> str:
        return prometheus_name(self.name, self.unit, self.kind)


HTTP_METRICS = (
    LibraryMetric("http.server.request.duration", "histogram", "s", "Duration of every request, on every path.", HTTP),
    LibraryMetric("http.server.active_requests", "gauge", "{request}", "Requests in progress.", HTTP[:1]),
)
SDK_METRICS = tuple(
    metric
    for item, unit, things in (("span", "{span}", "Spans"), ("log", "{log_record}", "Events"))
    for metric in (
        LibraryMetric(
            f"otel.sdk.processor.{item}.processed",
            "counter",
            unit,
            f"{things} that left the queue for the exporter; with error_type `queue_full`, those that were dropped "
            "because the Collector accepted them too slowly.",
            ERROR,
        ),
        LibraryMetric(
            f"otel.sdk.exporter.{item}.exported",
            "counter",
            unit,
            f"{things} that the Collector accepted; with an error_type, those dropped because it did not answer.",
            ERROR,
        ),
        LibraryMetric(f"otel.sdk.processor.{item}.queue.size", "gauge", unit, f"{things} that wait for their export."),
        LibraryMetric(
            f"otel.sdk.processor.{item}.queue.capacity",
            "gauge",
            unit,
            f"{things} that can wait for their export.",
        ),
    )
)
"""They exist only with export over OTLP. Metrics have none: they are cumulative, so the next export has everything."""

SPAN_CALLS = LibraryMetric(
    "traces.span.metrics.calls",
    "counter",
    "{span}",
    "Spans of the servers that the Collector received, counted by its connector span_metrics; spans below the SERVER "
    "span have no endpoint and no outcome. Servers send all requests that ended in error, and some of the others.",
    (RequestField.ENDPOINT, RequestField.OUTCOME, "span.kind", "status.code"),
)
"""It bears the server's job and instance. The series begin with the first such span, and anew with the Collector."""
