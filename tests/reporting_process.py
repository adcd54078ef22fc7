"""A process that reports a histogram and a counter, as the server does: over OTLP, and for a scrape."""

from __future__ import annotations

import random
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel.contract.labels import Source
from otel.contract.metrics import REQUESTS, WORD_COUNT_DURATION
from otel.sdk.exposition import Exposition, content_type
from otel.sdk.histogram_export import HistogramExporter
from otel.sdk.histograms import HistogramStore
from otel.sdk.recording import Metrics

SCOPE = InstrumentationScope("ttscope", "1")
READINGS = 500
NAME = WORD_COUNT_DURATION.prometheus_name


class ReportingProcess:
    """The metrics of a server that is exported to Prometheus, and scraped by it too, under two names of its job."""

    def __init__(self, collector: str) -> None:
        self.store = HistogramStore()
        local = InMemoryMetricReader()
        exporter = HistogramExporter(OTLPMetricExporter(collector, insecure=True), self.store, SCOPE)
        self._remote = PeriodicExportingMetricReader(exporter, float("inf"))
        resource = Resource({"service.name": "otlp", "service.instance.id": "1"})
        provider = MeterProvider([local, self._remote], resource, shutdown_on_exit=False)
        lists = {source: frozenset({"joe"}) for source in Source}
        self.metrics = Metrics(provider.get_meter("ttscope", "1"), lists, self.store)
        self.values: list[float] = []
        self.kinds: set[str] = set()
        """The content types that Prometheus was sent."""
        self.exposition = exposition = Exposition([local], self.store)
        kinds = self.kinds

        class Route(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                kind = content_type(self.headers.get("Accept", ""))
                kinds.add(kind)
                body = exposition.render(kind)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Route)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def record(self, generator: random.Random) -> None:
        """Records READINGS, each in a sampled trace whose id is its number."""
        labels = {"word_count_range": "1-10", "voice_name": "joe", "cache": "miss"}
        for _ in range(READINGS):
            self.values.append(generator.lognormvariate(-0.5, 0.8))
            span = SpanContext(len(self.values), 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
            context = set_span_in_context(NonRecordingSpan(span), Context())
            self.metrics.record(WORD_COUNT_DURATION, self.values[-1], context, **labels)
        self.metrics.add(
            REQUESTS,
            READINGS,
            endpoint="/tts",
            method="POST",
            status_code="200",
            voice_name="joe",
            language="en",
            outcome="ok",
        )

    def export(self) -> None:
        self._remote.collect()

    def quantile(self, share: float) -> float:
        return sorted(self.values)[int(share * len(self.values))]
