"""Continues a caller's trace without its free text, and without letting it hide a slow request."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.context import Context, create_key, get_value, set_value
from opentelemetry.propagators.b3 import B3MultiFormat, B3SingleFormat
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace import NonRecordingSpan, SpanContext, get_current_span, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otel.sdk.variables import value

PROPAGATORS = "OTEL_PROPAGATORS"
DEFAULT = "tracecontext,baggage"
FORMATS: dict[str, Callable[[], TextMapPropagator]] = {
    "tracecontext": TraceContextTextMapPropagator,
    "b3": B3SingleFormat,
    "b3multi": B3MultiFormat,
}
TRACEPARENT = "traceparent"
"""The header, and the field of messages, that names a caller's span (W3C Trace Context)."""
_CALLER = create_key("ttscope-unsampled-caller")


class CallerTrace(TextMapPropagator):
    """The formats of OTEL_PROPAGATORS, with two differences.

    ``tracestate`` and baggage are dropped, since they may hold any text. A caller that did not sample its trace is kept
    for a link (see ``unsampled_caller``), and our span becomes a root, whose sampling is decided at the end of the
    request.
    """

    def __init__(self) -> None:
        self._formats = CompositePropagator(_formats())

    def extract(
        self, carrier: CarrierT, context: Context | None = None, getter: Getter[CarrierT] = default_getter
    ) -> Context:
        context = Context() if context is None else context
        caller = get_current_span(self._formats.extract(carrier, Context(), getter)).get_span_context()
        if not caller.is_valid:
            return context
        bare = SpanContext(caller.trace_id, caller.span_id, is_remote=True, trace_flags=caller.trace_flags)
        if bare.trace_flags.sampled:
            return set_span_in_context(NonRecordingSpan(bare), context)
        return set_value(_CALLER, bare, context)

    def inject(
        self, carrier: CarrierT, context: Context | None = None, setter: Setter[CarrierT] = default_setter
    ) -> None:
        self._formats.inject(carrier, context, setter)

    @property
    def fields(self) -> set[str]:
        return self._formats.fields


def has_caller(context: Context) -> bool:
    """Returns whether a context that ``CallerTrace`` extracted has a caller, sampled or not."""
    return get_current_span(context).get_span_context().is_valid or unsampled_caller(context) is not None


def unsampled_caller(context: Context | None) -> SpanContext | None:
    """Returns the caller if it did not sample its own trace, for a root span to link to."""
    caller = get_value(_CALLER, context)
    return caller if isinstance(caller, SpanContext) else None


def _formats() -> list[TextMapPropagator]:
    """Returns the propagators that OTEL_PROPAGATORS names, each once."""
    names = dict.fromkeys(name.strip() for name in (value(PROPAGATORS) or DEFAULT).split(","))
    if "none" in names:
        return []
    return [FORMATS[name]() for name in names if name in FORMATS]
