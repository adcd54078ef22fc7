"""The metrics that libraries make: the aiohttp instrumentation's, and the SDK's own account of what it exports."""

from __future__ import annotations

from dataclasses import dataclass

from otel.contract.instrument import Kind, prometheus_name

HTTP = ("http.request.method", "http.response.status_code", "http.route")
"""What the instrumentation adds beside these holds what clients write."""
ERROR = ("error.type",)


@dataclass(frozen=True, slots=True)
class LibraryMetric:
    """A metric of a library: its OpenTelemetry name, kind and unit, what its number means, the labels that it keeps."""

    name: str
    kind: Kind
    unit: str
    help: str
    attributes: tuple[str, ...] = ()

    @property
    def prometheus_name(self) -> str:
        return prometheus_name(self.name, self.unit, self.kind)


HTTP_METRICS = (
    LibraryMetric("http.server.request.duration", "histogram", "s", "Every request, of every path.", HTTP),
    LibraryMetric("http.server.active_requests", "gauge", "{request}", "Requests that are being answered.", HTTP[:1]),
)
SDK_METRICS = tuple(
    metric
    for item, things in (("span", "Spans"), ("log", "Events"))
    for metric in (
        LibraryMetric(
            f"otel.sdk.processor.{item}.processed",
            "counter",
            f"{{{item}}}",
            f"{things} that left the queue for the exporter; with error_type `queue_full`, those that were dropped "
            "because the Collector did not take them fast enough.",
            ERROR,
        ),
        LibraryMetric(
            f"otel.sdk.exporter.{item}.exported",
            "counter",
            f"{{{item}}}",
            f"{things} that the Collector took; with an error_type, those that were given up since it did not answer.",
            ERROR,
        ),
        LibraryMetric(f"otel.sdk.processor.{item}.queue.size", "gauge", f"{{{item}}}", f"{things} that wait."),
        LibraryMetric(f"otel.sdk.processor.{item}.queue.capacity", "gauge", f"{{{item}}}", f"{things} that can wait."),
    )
)
"""Only where there is export over OTLP. Metrics need none of it: they are cumulative, so the next export has all."""
