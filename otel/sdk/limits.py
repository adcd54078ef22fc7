"""Keeps exported spans and events within the limits of the OTEL_* variables.

The spans in memory and the files of events are not limited: `/traces` and the drift job need their attributes.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk._logs import LogRecordLimits, ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link
from opentelemetry.util.types import AnyValue

from otel.sdk.variables import value

BOTH = ("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT")
OF_SPANS = (
    *BOTH,
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
)
OF_EVENTS = (*BOTH, "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT")


def limited_spans(exporter: SpanExporter) -> SpanExporter:
    """Returns an exporter that keeps spans within the limits, or ``exporter`` if none is set.

    Our spans and events have fewer attributes than the default limit of 128.
    """
    return _LimitedSpans(exporter) if any(map(value, OF_SPANS)) else exporter


def limited_events(exporter: LogRecordExporter) -> LogRecordExporter:
    """Returns an exporter that keeps events within the limits, or ``exporter`` if none is set."""
    return _LimitedEvents(exporter) if any(map(value, OF_EVENTS)) else exporter


class _LimitedSpans(SpanExporter):
    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._limits = SpanLimits()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self._exporter.export([self._limited(span) for span in spans])

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _limited(self, span: ReadableSpan) -> ReadableSpan:
        limits = self._limits
        return ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=_bounded(span.attributes or {}, limits.max_span_attributes, limits.max_span_attribute_length),
            links=_first(span.links, limits.max_links),
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )


class _LimitedEvents(LogRecordExporter):
    def __init__(self, exporter: LogRecordExporter) -> None:
        self._exporter = exporter
        self._limits = LogRecordLimits()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return self._exporter.export([self._limited(event) for event in batch])

    def shutdown(self) -> None:
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    def _limited(self, event: ReadableLogRecord) -> ReadableLogRecord:
        limits, record = self._limits, copy.copy(event.log_record)
        record.attributes = _bounded(
            record.attributes or {}, limits.max_log_record_attributes, limits.max_log_record_attribute_length
        )
        return replace(event, log_record=record)


def _bounded(attributes: Mapping[str, AnyValue], count: int | None, length: int | None) -> BoundedAttributes:
    """Returns the first ``count`` attributes, which the specification keeps; the SDK itself would keep the last."""
    bounded = BoundedAttributes(attributes=dict(islice(attributes.items(), count)), max_value_len=length)
    bounded.dropped = len(attributes) - len(bounded)
    return bounded


def _first(links: Sequence[Link], count: int | None) -> Sequence[Link]:
    """Returns the first ``count`` links."""
    bounded = BoundedList.from_seq(None, islice(links, count))
    bounded.dropped = len(links) - len(bounded)
    return bounded
