"""Which spans leave the process, and what of them: kept traces only, attributes by an allow-list."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    Status,
    TraceFlags,
    set_span_in_context,
)

from otel.features import (
    ATTEMPT_OUTCOME_ATTRIBUTE,
    BATCH_PADDING_ATTRIBUTE,
    BATCH_SIZE_ATTRIBUTE,
    FEATURE_NAMES,
    STAGE_ATTRIBUTE,
)

KEEP = "tts.keep"
"""Set on a span when its trace is kept; never exported."""

EXPORTED = FEATURE_NAMES | frozenset(
    {
        STAGE_ATTRIBUTE,
        ATTEMPT_OUTCOME_ATTRIBUTE,
        BATCH_PADDING_ATTRIBUTE,
        BATCH_SIZE_ATTRIBUTE,
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "network.protocol.version",
        "url.scheme",
    }
)
"""Attributes that may leave: none of them can hold what a client wrote."""


class KeptSpans(SpanProcessor):
    """Passes the spans of kept traces on, cleaned; drops all others.

    A span's events (they carry exception messages), its status' description, and every attribute that is not allowed
    are left behind.
    """

    def __init__(self, *processors: SpanProcessor) -> None:
        self._processors = processors

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing to do: what happens to a span is decided at its end."""

    def on_end(self, span: ReadableSpan) -> None:
        if (span.attributes or {}).get(KEEP):
            cleaned = clean(span)
            for processor in self._processors:
                processor.on_end(cleaned)

    def shutdown(self) -> None:
        for processor in self._processors:
            processor.shutdown()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        flushed = [processor.force_flush(timeout_millis) for processor in self._processors]
        return all(flushed)


def clean(span: ReadableSpan) -> ReadableSpan:
    """A copy of ``span`` with allowed attributes only, no events, and a status without words."""
    attributes = {name: value for name, value in (span.attributes or {}).items() if name in EXPORTED}
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def unsampled(context: SpanContext) -> Context:
    """A context with the same ids that makes no exemplar: for readings of requests whose trace is not kept."""
    return set_span_in_context(
        NonRecordingSpan(SpanContext(context.trace_id, context.span_id, is_remote=False, trace_flags=TraceFlags(0))),
        Context(),
    )
