"""Spans that cost next to nothing until their trace is sampled, and are exported with allowed attributes only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TracerProvider,
    get_current_span,
    set_span_in_context,
    use_span,
)
from opentelemetry.util.types import AnyValue, Attributes

from otel.contract import conventions
from otel.contract.event_fields import REQUEST_FIELDS, SpanField
from otel.contract.playback_fields import PlaybackField
from otel.sdk.propagation import unsampled_caller

KEEP = "tts.keep"
"""The attribute that marks a span whose trace is sampled; it is never exported."""

EXPORTED = frozenset(
    {
        *REQUEST_FIELDS,
        *SpanField,
        *PlaybackField,
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "network.protocol.version",
        "url.scheme",
    }
)
"""The attributes that are exported; none of them can hold a client's text."""

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
SAMPLED_RANDOM = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
"""The flags of a trace with a random id, such as all that begin here (W3C Trace Context, level 2)."""


class SamplingTracerProvider(TracerProvider):
    """Passes the spans of sampled traces, cleaned, to processors as they end, and drops all other spans.

    Every span is recorded, since sampling is decided at the end of the request, and most are dropped. So a span is only
    a name, ids and a dict, while the SDK's own is checked, bounded and locked throughout. A cleaned span has no events
    (they carry exception messages), no description of its status, and only allowed attributes.
    """

    def __init__(self, resource: Resource, processors: Sequence[SpanProcessor]) -> None:
        self._resource = resource
        self._processors = processors

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> Tracer:
        scope = InstrumentationScope(instrumenting_module_name, instrumenting_library_version, schema_url, attributes)
        return _Tracer(self, scope)

    def end(self, span: _Span) -> None:
        """Passes the span on if its trace is sampled."""
        if not span.attributes.get(KEEP):
            return
        cleaned = ReadableSpan(
            name=span.name,
            context=span.context,
            parent=span.parent,
            resource=self._resource,
            attributes={name: value for name, value in span.attributes.items() if name in EXPORTED},
            links=span.links,
            kind=span.kind,
            status=span.status,
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.scope,
        )
        for processor in self._processors:
            processor.on_end(cleaned)


class _Tracer(Tracer):
    def __init__(self, provider: SamplingTracerProvider, scope: InstrumentationScope) -> None:
        self._provider = provider
        self._scope = scope
        self._ids = RandomIdGenerator()

    def start_span(  # noqa: PLR0917 - the API's
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> Span:
        current = get_current_span(context).get_span_context()
        parent, caller = (current, None) if current.is_valid else (None, unsampled_caller(context))
        trace_id = parent.trace_id if parent else self._ids.generate_trace_id()
        flags = SAMPLED if parent and not parent.trace_flags.random_trace_id else SAMPLED_RANDOM
        return _Span(
            self._provider,
            self._scope,
            SpanContext(trace_id, self._ids.generate_span_id(), is_remote=False, trace_flags=flags),
            parent,
            name,
            kind,
            dict(attributes or {}),
            [*(links or ()), *([Link(caller)] if caller else [])],
            time.time_ns() if start_time is None else start_time,
        )

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # noqa: PLR0917 - the API's; its decorator is private
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> Iterator[Span]:
        span = self.start_span(name, context, kind, attributes, links, start_time)
        with use_span(span, end_on_exit, record_exception, set_status_on_exception):
            yield span


@dataclass(slots=True, eq=False)
class _Span(Span):
    """A span of a request; only the event loop's thread uses it, like the request."""

    provider: SamplingTracerProvider
    scope: InstrumentationScope
    context: SpanContext
    parent: SpanContext | None
    name: str
    kind: SpanKind
    attributes: dict[str, AnyValue]
    links: list[Link]
    start_time: int
    status: Status = field(default_factory=Status)
    end_time: int | None = None

    def get_span_context(self) -> SpanContext:
        return self.context

    def is_recording(self) -> bool:
        return self.end_time is None

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Sets the attribute; only the first error.type counts.

        The instrumentation sets it to the HTTP status when the request has ended, and the recorder has set the error
        class by then, which the conventions prefer.
        """
        if key == conventions.ERROR_TYPE:
            self.attributes.setdefault(key, value)
        else:
            self.attributes[key] = value

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        self.attributes.update(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Records nothing: events may hold a client's text."""

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Records nothing: the message of an exception may hold a client's text."""

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        self.links.append(Link(context))

    def update_name(self, name: str) -> None:
        self.name = name

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Sets the code without the description. OK is final, as the API requires."""
        code = status if isinstance(status, StatusCode) else status.status_code
        if self.status.status_code is not StatusCode.OK and code is not StatusCode.UNSET:
            self.status = Status(code)

    def end(self, end_time: int | None = None) -> None:
        """Ends the span; only the first call has an effect."""
        if self.end_time is None:
            self.end_time = time.time_ns() if end_time is None else end_time
            self.provider.end(self)


def parent_of(span: Span) -> SpanContext | None:
    """Returns the span of which ``span`` is a child; None if it is a root."""
    return span.parent if isinstance(span, _Span) else None


def report_span(
    tracer: Tracer,
    name: str,
    times: tuple[int, int],
    attributes: Attributes,
    *,
    parent: SpanContext | None = None,
    identity: SpanContext | None = None,
) -> SpanContext | None:
    """Exports the span of what another program did, and returns its context; None if spans are switched off.

    ``times`` are its start and end in Unix nanoseconds. ``identity`` is the context that the other program has given
    it, such as by a traceparent; without one it is a child of ``parent``.
    """
    if not isinstance(tracer, _Tracer):
        return None
    span = tracer.start_span(
        name,
        Context() if parent is None else set_span_in_context(NonRecordingSpan(parent), Context()),
        SpanKind.INTERNAL if identity is None else SpanKind.CLIENT,
        {**(attributes or {}), KEEP: True},
        start_time=times[0],
    )
    if identity is not None and isinstance(span, _Span):
        span.context = SpanContext(
            identity.trace_id, identity.span_id, is_remote=False, trace_flags=identity.trace_flags
        )
    span.end(times[1])
    return span.get_span_context()


def keep_parent(span: Span, parent: Span) -> None:
    """Samples ``parent``, which has not ended, if ``span`` is sampled: a child whose parent is missing looks lost."""
    if isinstance(span, _Span) and span.attributes.get(KEEP):
        parent.set_attribute(KEEP, True)


def unsampled(context: SpanContext) -> Context:
    """Returns a context with the same ids that creates no exemplar, for requests whose trace is not sampled."""
    return set_span_in_context(
        NonRecordingSpan(SpanContext(context.trace_id, context.span_id, is_remote=False, trace_flags=TraceFlags(0))),
        Context(),
    )
