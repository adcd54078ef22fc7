"""The gauges tts_drift_*: the last window and the last run, exported over OTLP as long as the job runs."""

from __future__ import annotations

import os
import platform
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from drift import VERSION
from otel.contract import drift_metrics as instruments
from otel.contract.drift_verdict import Verdict
from otel.contract.instrument import Instrument
from otel.contract.labels import Source
from otel.sdk.exporters import metric_exporter, metric_reader
from otel.sdk.otlp import otlp_enabled
from otel.sdk.recording import Attributes, Metrics

SERVICE = "ttscope-drift"
NAMESPACE = uuid.UUID("7f7d2c7e-1f0e-5c55-8a0a-6b8f4a1f9c3d")
NO_LISTS = dict.fromkeys(Source, frozenset[str]())
"""The drift job's instruments take none of the values that only a running server knows."""


@dataclass(frozen=True, slots=True)
class GaugeValues:
    """The values that the gauges show; None is not exported."""

    last: Verdict | None = None
    """The verdict on the last window."""
    decided: Verdict | None = None
    """The last decided verdict, since drift continues until a window shows its end."""
    last_run: datetime | None = None
    succeeded: bool | None = None
    clock_suspect: bool | None = None


class Gauges:
    """Shows values until it gets others; a long-lived process exports them every few seconds, since Prometheus drops a
    gauge after five minutes."""

    def __init__(self, readers: Sequence[MetricReader], state: Path) -> None:
        self._values = GaugeValues()
        self._provider = MeterProvider(
            readers, resource(state), exemplar_filter=AlwaysOffExemplarFilter(), shutdown_on_exit=False
        )
        metrics = Metrics(self._provider.get_meter("ttscope.drift", VERSION), NO_LISTS, None)
        for instrument in (
            instruments.DRIFT_SCORE,
            instruments.DRIFT_THRESHOLD,
            instruments.DRIFT_DETECTED,
            instruments.DRIFT_CONSECUTIVE,
        ):
            metrics.observe(instrument, lambda instrument=instrument: self._of_columns(instrument))  # type: ignore[misc]
        metrics.observe(instruments.DRIFT_WINDOW_ROWS, self._rows)
        metrics.observe(instruments.DRIFT_LAST_RUN, self._last_run)
        metrics.observe(instruments.DRIFT_LAST_RUN_SUCCESS, self._success)
        metrics.observe(instruments.DRIFT_CLOCK_SUSPECT, self._clock)

    def show(self, values: GaugeValues) -> None:
        """Shows ``values`` from now on."""
        self._values = values

    def suspect_clock(self) -> None:
        """Shows the clock as suspect until the next values; all others stay unchanged."""
        self._values = replace(self._values, clock_suspect=True)

    def close(self, seconds: float) -> None:
        """Exports once more, in at most about ``seconds``."""
        self._provider.shutdown(timeout_millis=seconds * 1000)

    def _of_columns(self, instrument: Instrument) -> Iterator[tuple[float, Attributes]]:
        verdict = self._values.decided
        for score in verdict.scores if verdict else ():
            if score.value is None:  # too few values of just this column
                continue
            value = {
                instruments.DRIFT_SCORE: score.value,
                instruments.DRIFT_THRESHOLD: score.threshold,
                instruments.DRIFT_DETECTED: float(score.detected),
                instruments.DRIFT_CONSECUTIVE: float(score.consecutive),
            }[instrument]
            if value is not None:
                yield value, {"column": score.column}

    def _rows(self) -> Iterator[tuple[float, Attributes]]:
        if self._values.last is not None:
            yield self._values.last.rows, {}

    def _last_run(self) -> Iterator[tuple[float, Attributes]]:
        if self._values.last_run is not None:
            yield self._values.last_run.timestamp(), {}

    def _success(self) -> Iterator[tuple[float, Attributes]]:
        if self._values.succeeded is not None:
            yield float(self._values.succeeded), {}

    def _clock(self) -> Iterator[tuple[float, Attributes]]:
        if self._values.clock_suspect is not None:
            yield float(self._values.clock_suspect), {}


def over_otlp() -> list[MetricReader]:
    """Returns the reader that exports to the endpoint of the standard OTEL_* variables; none if they set none."""
    return [metric_reader(metric_exporter())] if otlp_enabled("METRICS") else []


def resource(state: Path) -> Resource:
    """Returns the resource of all processes that work on ``state``, so that a restart continues the same series."""
    instance = uuid.uuid5(NAMESPACE, f"{platform.node()} {os.fspath(state.absolute())}")
    ours = {"service.name": SERVICE, "service.version": VERSION, "service.instance.id": str(instance)}
    return Resource.create({**ours, **OTELResourceDetector().detect().attributes})
