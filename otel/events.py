"""The event tts.request, one for each call for audio, and the file it is kept in when there is no Collector."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring as quoted
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordLimits, LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import format_span_id, format_trace_id
from opentelemetry.util.types import AttributeValue

REQUEST_EVENT = "tts.request"
DRIFT_EVENT = "tts.drift"
"""Of the drift job, one for each window that it has judged."""
MAX_BYTES = 50_000_000
FILES = 5


class Events:
    """Hands events to the SDK's processors, which batch them for their exporters.

    The SDK's logger would check and copy every attribute of every event once more; these are ours, and each of a kind
    that can be exported.
    """

    def __init__(
        self, resource: Resource, scope: InstrumentationScope, processors: Sequence[LogRecordProcessor]
    ) -> None:
        self._resource = resource
        self._scope = scope
        self._processors = processors
        self._limits = LogRecordLimits()

    def emit(self, attributes: Mapping[str, AttributeValue], context: Context) -> None:
        """Sends the event tts.request, tied to the span in ``context``."""
        record = LogRecord(
            timestamp=time.time_ns(),
            context=context,
            severity_number=SeverityNumber.INFO,
            severity_text="INFO",
            event_name=REQUEST_EVENT,
            attributes=attributes,
        )
        for processor in self._processors:
            processor.on_emit(_Unchecked(record, self._resource, self._scope, self._limits))


class _Unchecked(ReadWriteLogRecord):
    def __post_init__(self) -> None:
        """Leaves the attributes as they are."""


class EventFile(LogRecordExporter):
    """Appends events to a file as OTLP JSON, one batch a line: the shape that the Collector's file exporter writes.

    The file is rotated at 50 MB and five are kept. Source: the OTLP specification, "JSON Protobuf Encoding".
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=FILES - 1, delay=True)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        resource = _attributes(batch[0].resource.attributes)
        records = ",".join(map(_record, batch))
        scopes = f'[{{"logRecords":[{records}]}}]'
        line = f'{{"resourceLogs":[{{"resource":{{"attributes":{resource}}},"scopeLogs":{scopes}}}]}}'
        self._file.emit(logging.makeLogRecord({"msg": line}))
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self._file.flush()
        return True


# Text put together, not dicts for a JSON encoder: that takes three times as long, of every request.
def _record(readable: ReadableLogRecord) -> str:
    record = readable.log_record
    severity = record.severity_number.value if record.severity_number else 0
    return (
        f'{{"timeUnixNano":"{record.timestamp}","observedTimeUnixNano":"{record.observed_timestamp}",'
        f'"severityNumber":{severity},"severityText":{quoted(record.severity_text or "")},'
        f'"eventName":{quoted(record.event_name or "")},"attributes":{_attributes(record.attributes or {})},'
        f'"traceId":"{format_trace_id(record.trace_id or 0)}","spanId":"{format_span_id(record.span_id or 0)}"}}'
    )


def _attributes(attributes: Mapping[str, Any]) -> str:
    pairs = [f'{{"key":{quoted(key)},"value":{_value(value)}}}' for key, value in attributes.items()]
    return f"[{','.join(pairs)}]"


def _value(value: Any) -> str:
    match value:
        case str():
            return f'{{"stringValue":{quoted(value)}}}'
        case bool():
            return '{"boolValue":true}' if value else '{"boolValue":false}'
        case int():
            return f'{{"intValue":"{value}"}}'
        case float():
            return f'{{"doubleValue":{value!r}}}'
        case _:
            return f'{{"stringValue":{quoted(str(value))}}}'
