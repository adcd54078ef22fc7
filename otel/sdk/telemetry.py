"""Sets up the OpenTelemetry SDK by the contract: providers, exporters, and the telemetry that the process keeps."""

from __future__ import annotations

import asyncio
import threading
import uuid
from contextlib import suppress
from pathlib import Path

from opentelemetry import metrics as metrics_api
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricReader
from opentelemetry.sdk.metrics.view import View
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NoOpTracerProvider, TracerProvider

from otel.contract.event_fields import RequestField
from otel.contract.metrics import EVENTS_LOST
from otel.sdk.event_file import event_queues
from otel.sdk.events import Events
from otel.sdk.exporters import log_exporter, metric_exporter, metric_reader, span_exporter
from otel.sdk.exposition import Exposition
from otel.sdk.histogram_export import HistogramExporter
from otel.sdk.histograms import HistogramStore
from otel.sdk.library_views import NO_SDK_METRICS, count_exports, library_views
from otel.sdk.otlp import otlp_enabled, sdk_disabled
from otel.sdk.recording import AllowLists, Metrics
from otel.sdk.spans import SamplingTracerProvider
from otel.sdk.trace_memory import TraceMemory


class Telemetry:
    """The telemetry of a process: ``tracer``, ``metrics``, ``events``, ``traces`` and ``exposition``.

    It exports over OTLP if the standard OTEL_* variables name an endpoint. Create it after any fork, and shut it
    down once.
    """

    def __init__(
        self,
        *,
        version: str,
        build: str,
        allow_lists: AllowLists,
        metrics_enabled: bool = True,
        events_folder: Path | None = None,
    ) -> None:
        resource = _resource(version, build)
        count_exports()
        scope = InstrumentationScope("ttscope", version)
        self._meter_providers: list[MeterProvider] = []
        self.exposition: Exposition | None = None
        self.library_meter_provider: metrics_api.MeterProvider = NoOpMeterProvider()
        meter_provider: metrics_api.MeterProvider = NoOpMeterProvider()
        histograms: HistogramStore | None = None
        if metrics_enabled:
            histograms = HistogramStore()
            readers = [InMemoryMetricReader(), InMemoryMetricReader()]
            contract = _meter_provider(resource, readers[0], [NO_SDK_METRICS], histograms, scope)
            libraries = _meter_provider(resource, readers[1], library_views())
            self._meter_providers = [contract, libraries]
            self.exposition = Exposition(readers, histograms)
            meter_provider, self.library_meter_provider = contract, libraries
        self.metrics = Metrics(meter_provider.get_meter("ttscope", version), allow_lists, histograms)
        self.traces = TraceMemory()
        self.tracer_provider: TracerProvider = NoOpTracerProvider()
        self._span_processors: list[SpanProcessor] = []
        self._event_processors: list[LogRecordProcessor] = []
        if not sdk_disabled():
            self._span_processors = _span_processors(self.traces, self.library_meter_provider)
            self._event_processors = self._make_event_processors(events_folder)
            self.tracer_provider = SamplingTracerProvider(resource, self._span_processors)
        self.tracer = self.tracer_provider.get_tracer("ttscope", version)
        self.events = Events(resource, scope, self._event_processors)

    async def shutdown(self, seconds: float) -> bool:
        """Flushes and closes everything, and returns whether that finished within ``seconds``.

        A Collector that does not answer would delay each exporter for many seconds, so after ``seconds`` the rest is
        abandoned. The thread is a daemon, so the end of the process does not wait for it either.
        """
        loop, finished = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            self._close()
            with suppress(RuntimeError):  # the loop is closed, and no caller waits any more
                loop.call_soon_threadsafe(finished.set)

        threading.Thread(target=close, name="telemetry-shutdown", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await finished.wait()
        return finished.is_set()

    def _make_event_processors(self, folder: Path | None) -> list[LogRecordProcessor]:
        processors: list[LogRecordProcessor] = []
        if folder is not None:
            add = self.metrics.add
            processors += event_queues(folder, lambda reason, events: add(EVENTS_LOST, events, reason=reason))
        if otlp_enabled("LOGS"):
            meter_provider = self.library_meter_provider
            processors.append(BatchLogRecordProcessor(log_exporter(meter_provider), meter_provider=meter_provider))
        return processors

    def _close(self) -> None:
        for spans in self._span_processors:
            spans.shutdown()
        for events in self._event_processors:
            events.shutdown()
        for provider in self._meter_providers:
            provider.shutdown()


def _resource(version: str, build: str) -> Resource:
    attributes = {
        "service.name": "ttscope",
        "service.version": version,
        "service.instance.id": str(uuid.uuid4()),
        RequestField.BUILD.value: build,
    }
    return Resource.create({**attributes, **OTELResourceDetector().detect().attributes})


def _span_processors(traces: TraceMemory, meter_provider: metrics_api.MeterProvider) -> list[SpanProcessor]:
    processors: list[SpanProcessor] = [traces]
    if otlp_enabled("TRACES"):
        processors.append(BatchSpanProcessor(span_exporter(meter_provider), meter_provider=meter_provider))
    return processors


def _meter_provider(
    resource: Resource,
    local: InMemoryMetricReader,
    views: list[View],
    histograms: HistogramStore | None = None,
    scope: InstrumentationScope | None = None,
) -> MeterProvider:
    """Returns a provider that ``local`` reads and, if that is enabled, exports over OTLP, with ``histograms``.

    It makes no exemplars: the store does, and the HTTP instrumentation records inside the SERVER span of every request,
    sampled or not.
    """
    readers: list[MetricReader] = [local]
    if otlp_enabled("METRICS"):
        exporter = metric_exporter()
        if histograms is not None and scope is not None:
            exporter = HistogramExporter(exporter, histograms, scope)
        readers.append(metric_reader(exporter))
    return MeterProvider(
        readers, resource, exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False, views=views
    )
