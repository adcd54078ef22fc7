"""Reports probes as tts_probe_* over OTLP, to the endpoint of the standard OTEL_* variables."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel.contract import probe_metrics as instruments
from otel.contract.labels import Source
from otel.contract.recognition_values import ProbeResult
from otel.sdk.exporters import metric_exporter, metric_reader
from otel.sdk.histogram_export import HistogramExporter
from otel.sdk.histograms import HistogramStore
from otel.sdk.otlp import otlp_enabled
from otel.sdk.recording import Attributes, Metrics
from probe import VERSION
from probe.prober import Probe

SERVICE, SCOPE = "ttscope-probe", InstrumentationScope("ttscope.probe", VERSION)
NAMESPACE = uuid.UUID("2a4c4c86-6cf6-5d0b-9a2e-7f7f7c1d3b11")
CLOSE_MILLISECONDS = 5000.0
Readers = Callable[[HistogramStore], list[MetricReader]]


class AnyVoice(frozenset[str]):
    """The allow-list of voices: the prober's own setting chooses them."""

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str)


class ProbeMetrics:
    """Counts and measures probes."""

    def __init__(self, readers: Readers, url: str) -> None:
        """``url`` tells the series of probers of several servers apart; it is in no signal itself."""
        histograms = HistogramStore()
        self._last_success: float | None = None
        self._provider = MeterProvider(
            readers(histograms), _resource(url), exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False
        )
        lists = {**dict.fromkeys(Source, frozenset[str]()), Source.VOICES: AnyVoice()}
        self._metrics = Metrics(self._provider.get_meter(SCOPE.name, VERSION), lists, histograms)
        self._metrics.observe(instruments.PROBE_LAST_SUCCESS, self._success)

    def record(self, probe: Probe) -> None:
        """Reports a probe."""
        voice, record = probe.voice, self._metrics.record
        for result in ProbeResult:
            self._metrics.add(instruments.PROBES, int(result is probe.result), voice_name=voice, result=result)
        if not probe.failed:
            self._last_success = time.time()
        if probe.first_audio_seconds is not None:
            record(instruments.PROBE_FIRST_AUDIO, probe.first_audio_seconds, voice_name=voice)
        if probe.seconds is not None:
            record(instruments.PROBE_DURATION, probe.seconds, voice_name=voice)
        if probe.word_error_rate is not None:
            record(instruments.PROBE_WORD_ERROR_RATE, probe.word_error_rate, voice_name=voice)
        for aspect, score in probe.scores.items():
            record(instruments.PROBE_MOS, score, voice_name=voice, aspect=aspect)

    def close(self) -> None:
        """Exports once more."""
        self._provider.shutdown(timeout_millis=CLOSE_MILLISECONDS)

    def _success(self) -> Iterator[tuple[float, Attributes]]:
        if self._last_success is not None:
            yield self._last_success, {}


def over_otlp(histograms: HistogramStore) -> list[MetricReader]:
    """Returns the reader that exports; none if the OTEL_* variables name no endpoint."""
    if not otlp_enabled("METRICS"):
        return []
    return [metric_reader(HistogramExporter(metric_exporter(), histograms, SCOPE))]


def _resource(url: str) -> Resource:
    """Returns the same resource after a restart, so that the same series go on."""
    ours = {"service.name": SERVICE, "service.version": VERSION}
    instance = {"service.instance.id": str(uuid.uuid5(NAMESPACE, url))}
    return Resource.create({**ours, **instance, **OTELResourceDetector().detect().attributes})
