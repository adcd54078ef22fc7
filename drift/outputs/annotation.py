"""A window as an event: the body of Grafana's annotations, and the OTLP log record tts.drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk._logs import LoggerProvider, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult, SimpleLogRecordProcessor

from drift import VERSION
from drift.outputs.gauges import resource
from otel.contract.drift_verdict import Verdict, VerdictState
from otel.contract.event_fields import DRIFT_EVENT, DriftField
from otel.sdk.exporters import log_exporter
from otel.sdk.otlp import otlp_enabled

SEVERITIES = {VerdictState.DRIFT: SeverityNumber.WARN, VerdictState.SUSPECTED: SeverityNumber.INFO2}


class NotSentError(Exception):
    """The Collector did not accept the event."""


def annotation(verdict: Verdict, text: str) -> dict[str, Any]:
    """Returns the body of POST /api/annotations. Source: Grafana's HTTP API, "Annotations"."""
    tags = ["ttscope", "drift", f"state:{verdict.state}", *(f"column:{column}" for column in detected(verdict))]
    return {"time": _millis(verdict.start), "timeEnd": _millis(verdict.end), "tags": tags, "text": text}


def features(name: str, verdict: Verdict, text: str) -> dict[str, str | int]:
    """Returns the attributes of the event, as otel.contract.event_fields lists them."""
    attributes: dict[str, str | int] = {
        DriftField.WINDOW: name,
        DriftField.WINDOW_START: verdict.start.isoformat(),
        DriftField.WINDOW_END: verdict.end.isoformat(),
        DriftField.STATE: str(verdict.state),
        DriftField.ROWS: verdict.rows,
        DriftField.TEXT: text,
    }
    columns = detected(verdict)
    return {**attributes, DriftField.COLUMNS: ",".join(columns)} if columns else attributes


def detected(verdict: Verdict) -> list[str]:
    """Returns the names of the columns that have drifted."""
    return [score.column for score in verdict.detected]


def has_receiver() -> bool:
    """Returns whether the standard variables name a receiver of events."""
    return otlp_enabled("LOGS")


def send(name: str, verdict: Verdict, text: str, state: Path) -> None:
    """Sends the event to the Collector, and returns when it has accepted it. Raises NotSentError."""
    severity = SEVERITIES.get(verdict.state, SeverityNumber.INFO)
    emit(DRIFT_EVENT, features(name, verdict, text), severity, int(verdict.end.timestamp() * 1e9), state)


def emit(
    event: str, attributes: Mapping[str, str | int | float], severity: SeverityNumber, nanoseconds: int, state: Path
) -> None:
    """Sends an event to the Collector, and returns when it has accepted it. Raises NotSentError."""
    exporter = _ResultExporter(log_exporter(NoOpMeterProvider()))
    provider = LoggerProvider(resource=resource(state), shutdown_on_exit=False, meter_provider=NoOpMeterProvider())
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter, meter_provider=NoOpMeterProvider()))
    try:
        provider.get_logger("ttscope.drift", VERSION).emit(
            LogRecord(
                timestamp=nanoseconds,
                severity_number=severity,
                severity_text=severity.name,
                event_name=event,
                attributes=dict(attributes),
            )
        )
    finally:
        provider.shutdown()
    if exporter.result is not LogRecordExportResult.SUCCESS:
        raise NotSentError("the Collector did not take the event")


class _ResultExporter(LogRecordExporter):
    """An exporter that remembers the export's result, which the processor does not return."""

    def __init__(self, exporter: LogRecordExporter) -> None:
        self._exporter = exporter
        self.result: LogRecordExportResult | None = None

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self.result = self._exporter.export(batch)
        return self.result

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


def _millis(time: datetime) -> int:
    return int(time.timestamp() * 1000)
