"""Spans of our own: ids as the standard has them, and nothing leaves but what is kept."""

from __future__ import annotations

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer, get_current_span, set_span_in_context

from otel.sdk.propagation import CallerTrace
from otel.sdk.spans import KEEP, SamplingTracerProvider

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(exporter: InMemorySpanExporter) -> Tracer:
    return SamplingTracerProvider(Resource({"service.name": "x"}), [SimpleSpanProcessor(exporter)]).get_tracer(
        "ours", "1"
    )


def only(exporter: InMemorySpanExporter) -> ReadableSpan:
    [span] = exporter.get_finished_spans()
    return span


def called(flags: str) -> Context:
    """The context of a request whose caller has a trace of its own."""
    return CallerTrace().extract(
        {"traceparent": f"00-{TRACE}-{PARENT}-{flags}", "tracestate": "secret=words"}, Context()
    )


def test_what_is_not_kept_does_not_leave(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("GET /health", Context()) as span:
        assert span.is_recording()
        assert get_current_span() is span
    assert not span.is_recording()
    assert exporter.get_finished_spans() == ()


def test_what_is_kept_leaves_with_all_that_may(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    span = tracer.start_span(
        "POST", Context(), SpanKind.SERVER, {"http.route": "/tts", "user_agent.original": "secret"}, start_time=1000
    )
    span.update_name("POST /tts")
    span.set_attribute("url.query", "secret")
    span.set_attributes({"tts.outcome": "error", KEEP: True})
    span.add_event("secret", {"secret": "words"})
    span.record_exception(ValueError("secret"))
    span.set_status(Status(StatusCode.ERROR, "secret"))
    span.end(2000)
    left = only(exporter)
    assert (left.name, left.kind, left.start_time, left.end_time) == ("POST /tts", SpanKind.SERVER, 1000, 2000)
    assert left.attributes == {"http.route": "/tts", "tts.outcome": "error"}
    assert (left.status.status_code, left.status.description) == (StatusCode.ERROR, None)
    assert left.instrumentation_scope is not None
    assert left.instrumentation_scope.name == "ours"
    assert left.resource.attributes == {"service.name": "x"}
    assert "secret" not in left.to_json()


def test_an_end_is_one(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    with tracer.start_as_current_span("x", Context(), attributes={KEEP: True}) as span:
        span.end(5)
    span.end(7)
    assert only(exporter).end_time == 5


def test_traces_that_begin_here_differ(tracer: Tracer) -> None:
    contexts = [tracer.start_span("x", Context()).get_span_context() for _ in range(100)]
    assert len({context.trace_id for context in contexts}) == len({context.span_id for context in contexts}) == 100
    assert all(context.is_valid and context.trace_flags.sampled for context in contexts)
    assert all(context.trace_flags.random_trace_id for context in contexts)


def test_a_child_is_of_its_parents_trace(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    parent = tracer.start_span("x", Context())
    tracer.start_span("y", set_span_in_context(parent, Context()), attributes={KEEP: True}).end()
    child = only(exporter)
    assert child.parent == parent.get_span_context()
    assert child.context is not None
    assert child.context.trace_id == parent.get_span_context().trace_id
    assert child.context.span_id != parent.get_span_context().span_id


def test_a_callers_trace_is_continued(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    tracer.start_span("x", called("01"), attributes={KEEP: True}).end()
    span = only(exporter)
    assert span.context is not None
    assert span.parent is not None
    assert f"{span.context.trace_id:032x}" == TRACE
    assert (f"{span.parent.span_id:016x}", span.parent.is_remote) == (PARENT, True)
    assert not span.context.trace_flags.random_trace_id  # nobody said that it was
    assert not span.links
    assert "secret" not in span.to_json()


def test_a_caller_that_keeps_nothing_is_linked_to(tracer: Tracer, exporter: InMemorySpanExporter) -> None:
    tracer.start_span("x", called("00"), attributes={KEEP: True}).end()
    span = only(exporter)
    assert span.parent is None
    assert span.context is not None
    assert span.context.trace_flags.sampled
    [link] = span.links
    assert (f"{link.context.trace_id:032x}", f"{link.context.span_id:016x}") == (TRACE, PARENT)
    assert f"{span.context.trace_id:032x}" != TRACE


@pytest.mark.parametrize(
    ("set_", "expected"),
    [
        ([StatusCode.ERROR, StatusCode.UNSET], StatusCode.ERROR),
        ([StatusCode.ERROR, StatusCode.OK], StatusCode.OK),
        ([StatusCode.OK, StatusCode.ERROR], StatusCode.OK),
    ],
)
def test_ok_is_final_and_unset_is_nothing(
    tracer: Tracer, exporter: InMemorySpanExporter, set_: list[StatusCode], expected: StatusCode
) -> None:
    span = tracer.start_span("x", Context(), attributes={KEEP: True})
    for code in set_:
        span.set_status(code)
    span.end()
    assert only(exporter).status.status_code is expected
