"""Events on their way out: none checked twice, each in the file as OTLP's JSON has it."""

from __future__ import annotations

import json
from pathlib import Path

from opentelemetry.context import Context
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel.contract.values import Stage
from otel.sdk.event_file import EventFile
from otel.sdk.event_losses import EventLosses
from otel.sdk.events import Events

HOSTILE = 'a "quoted" \\ line\nbreak, \x00 and é, 日本語, \u2028'
RESOURCE = Resource({"service.name": HOSTILE, HOSTILE: 1})
SCOPE = InstrumentationScope("ours", "1")
CONTEXT = set_span_in_context(
    NonRecordingSpan(SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(0))), Context()
)


def test_a_line_of_the_file_is_otlp_json(tmp_path: Path) -> None:
    path = tmp_path / "events" / "requests.jsonl"
    processor = BatchLogRecordProcessor(EventFile(path, EventLosses(path.name, lambda *_: None)))
    events = Events(RESOURCE, SCOPE, [processor])
    values = {"text": HOSTILE, "kind": Stage.SEND, "yes": True, "no": False, "many": 2**40, "small": 1e-7}
    events.emit(values, CONTEXT)
    events.emit({}, CONTEXT)
    processor.shutdown()
    [line] = path.read_text(encoding="utf-8").split("\n")[:-1]
    [logs] = json.loads(line)["resourceLogs"]
    assert logs["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": HOSTILE}},
        {"key": HOSTILE, "value": {"intValue": "1"}},
    ]
    [scope] = logs["scopeLogs"]
    first, second = scope["logRecords"]
    assert first.pop("attributes") == [
        {"key": "text", "value": {"stringValue": HOSTILE}},
        {"key": "kind", "value": {"stringValue": "send"}},
        {"key": "yes", "value": {"boolValue": True}},
        {"key": "no", "value": {"boolValue": False}},
        {"key": "many", "value": {"intValue": str(2**40)}},
        {"key": "small", "value": {"doubleValue": 1e-7}},
    ]
    assert 0 < int(first.pop("timeUnixNano")) <= int(first.pop("observedTimeUnixNano"))
    assert first == {
        "severityNumber": 9,
        "severityText": "INFO",
        "eventName": "tts.request",
        "traceId": f"{0xABC:032x}",
        "spanId": f"{0xDEF:016x}",
    }
    assert second["attributes"] == []


def test_every_processor_gets_every_event_as_it_is() -> None:
    exporters = [InMemoryLogRecordExporter(), InMemoryLogRecordExporter()]
    events = Events(RESOURCE, SCOPE, [SimpleLogRecordProcessor(exporter) for exporter in exporters])
    for number in range(3):
        events.emit({"number": number}, CONTEXT)
    for exporter in exporters:
        finished = exporter.get_finished_logs()
        assert [record.log_record.attributes for record in finished] == [{"number": number} for number in range(3)]
        assert {(record.resource, record.instrumentation_scope) for record in finished} == {(RESOURCE, SCOPE)}
        assert {record.log_record.trace_id for record in finished} == {0xABC}
        assert {record.dropped_attributes for record in finished} == {0}
