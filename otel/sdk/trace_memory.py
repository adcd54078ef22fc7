"""Keeps the last and the slowest sampled traces in memory."""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind, format_span_id, format_trace_id

from otel.contract.event_fields import RequestField
from otel.contract.playback_fields import PlaybackField

LAST = 100
SLOWEST = 50
PENDING = 1024
"""The maximum number of traces whose root has not ended: more than there can be requests in flight."""


@dataclass(frozen=True, slots=True, order=True)
class SampledTrace:
    """The spans of one request; instances compare by its duration."""

    seconds: float
    number: int
    root: ReadableSpan = field(compare=False)
    spans: list[ReadableSpan] = field(compare=False)

    @property
    def trace_id(self) -> str:
        return format_trace_id(_context(self.root).trace_id)

    @property
    def request_id(self) -> str:
        return str((self.root.attributes or {}).get(RequestField.REQUEST_ID))


class TraceMemory(SpanProcessor):
    """Collects the spans of sampled traces, and keeps those of the last 100 and the slowest 50 requests."""

    def __init__(self) -> None:
        self._pending: dict[int, list[ReadableSpan]] = {}
        self._last: deque[SampledTrace] = deque(maxlen=LAST)
        self._slowest: list[SampledTrace] = []
        self._count = 0

    def on_end(self, span: ReadableSpan) -> None:
        trace_id = _context(span).trace_id
        if PlaybackField.RATING in (span.attributes or {}):
            self._add_playback(span)
            return
        if span.kind is not SpanKind.SERVER:
            if len(self._pending) >= PENDING:
                self._pending.pop(next(iter(self._pending)))
            self._pending.setdefault(trace_id, []).append(span)
            return
        if RequestField.REQUEST_ID not in (span.attributes or {}):  # a socket, whose utterances are the requests
            return
        self._count += 1
        root_id = _context(span).span_id
        waiting = self._pending.pop(trace_id, [])
        own = [child for child in waiting if child.parent is not None and child.parent.span_id == root_id]
        remaining = [child for child in waiting if child not in own]
        if remaining:  # another request that continues the same caller's trace
            self._pending[trace_id] = remaining
        trace = SampledTrace(_seconds(span), self._count, span, [span, *own])
        self._last.append(trace)
        if len(self._slowest) < SLOWEST:
            heapq.heappush(self._slowest, trace)
        else:
            heapq.heappushpop(self._slowest, trace)

    def _add_playback(self, span: ReadableSpan) -> None:
        """Adds a span of a playback, which ends after its request, to the request's trace if that is still held."""
        request_id = (span.attributes or {}).get(PlaybackField.REQUEST_ID)
        trace = next((trace for trace in self._held() if trace.request_id == request_id), None)
        if trace is not None:
            trace.spans.append(span)

    def last(self) -> list[dict[str, Any]]:
        """Returns summaries of the last requests, newest first."""
        return [_summary(trace) for trace in reversed(self._last)]

    def slowest(self) -> list[dict[str, Any]]:
        """Returns summaries of the slowest requests, slowest first."""
        return [_summary(trace) for trace in sorted(self._slowest, reverse=True)]

    def find(self, identifier: str) -> dict[str, Any] | None:
        """Returns the spans of a trace by its id (32 lower-case hexadecimal digits), or of one request by its id.

        Returns None if it is not in memory. A request's id is its X-Request-ID. A caller's trace may hold several
        requests.
        """
        traces = {trace.number: trace for trace in self._held() if identifier in (trace.trace_id, trace.request_id)}
        if not traces:
            return None
        spans = [_describe(span) for trace in traces.values() for span in trace.spans]
        return {"trace_id": next(iter(traces.values())).trace_id, "spans": spans}

    def _held(self) -> tuple[SampledTrace, ...]:
        return (*self._last, *self._slowest)


def _context(span: ReadableSpan) -> Any:
    return span.get_span_context()


def _seconds(span: ReadableSpan) -> float:
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


def _summary(trace: SampledTrace) -> dict[str, Any]:
    attributes = trace.root.attributes or {}
    return {
        "trace_id": trace.trace_id,
        "request_id": trace.request_id,
        "endpoint": attributes.get("http.route"),
        "voice_name": attributes.get(RequestField.VOICE_NAME),
        "word_count_range": attributes.get(RequestField.WORD_COUNT_RANGE),
        "duration_seconds": attributes.get(RequestField.DURATION, trace.seconds),
        "outcome": attributes.get(RequestField.OUTCOME),
        "error_type": attributes.get(RequestField.ERROR_TYPE),
        "started_at": (trace.root.start_time or 0) / 1e9,
    }


def _describe(span: ReadableSpan) -> dict[str, Any]:
    return {
        "span_id": format_span_id(_context(span).span_id),
        "parent_span_id": format_span_id(span.parent.span_id) if span.parent else None,
        "name": span.name,
        "kind": span.kind.name,
        "start_unix_nano": span.start_time,
        "end_unix_nano": span.end_time,
        "duration_seconds": _seconds(span),
        "status": span.status.status_code.name,
        "attributes": dict(span.attributes or {}),
        "links": [
            {"trace_id": format_trace_id(link.context.trace_id), "span_id": format_span_id(link.context.span_id)}
            for link in span.links
        ],
    }
