"""The formats in which a caller's trace comes, and what is taken of it."""

from __future__ import annotations

import pytest
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, get_current_span

from otel.sdk.propagation import CallerTrace, unsampled_caller

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"


def w3c(trace: str, flags: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{trace}-{PARENT}-{flags}", "tracestate": "vendor=SECRET", "baggage": "user=SECRET"}


def single(trace: str, sampled: str = "1") -> dict[str, str]:
    return {"b3": f"{trace}-{PARENT}-{sampled}"}


def multi(trace: str, sampled: str = "1") -> dict[str, str]:
    return {"x-b3-traceid": trace, "x-b3-spanid": PARENT, "x-b3-sampled": sampled}


def caller(monkeypatch: pytest.MonkeyPatch, propagators: str, headers: dict[str, str]) -> tuple[str | None, bool]:
    """The trace that is continued or linked, and whether it is continued."""
    monkeypatch.setenv("OTEL_PROPAGATORS", propagators)
    context = CallerTrace().extract(headers, Context())
    assert "SECRET" not in str(context)
    current: SpanContext = get_current_span(context).get_span_context()
    linked = unsampled_caller(context)
    assert not (current.is_valid and linked)
    assert len((linked or current).trace_state) == 0
    found = linked or (current if current.is_valid else None)
    return (f"{found.trace_id:032x}", current.is_valid) if found else (None, False)


@pytest.mark.parametrize(
    ("propagators", "headers", "trace"),
    [
        ("", w3c(TRACE), TRACE),
        ("tracecontext,baggage", w3c(TRACE), TRACE),
        ("tracecontext", single(TRACE), None),
        ("baggage", w3c(TRACE), None),
        ("b3", single(TRACE), TRACE),
        ("b3", multi(TRACE), TRACE),
        ("b3multi", multi(TRACE), TRACE),
        ("b3multi", {**w3c(OTHER), **multi(TRACE)}, TRACE),
        ("b3", {**single(TRACE), "b3": f"{TRACE[16:]}-{PARENT}-d"}, f"{'0' * 16}{TRACE[16:]}"),
        ("b3", w3c(TRACE), None),
        ("tracecontext, b3 ,b3", {**w3c(OTHER), **single(TRACE)}, TRACE),
        ("b3,tracecontext", {**w3c(OTHER), **single(TRACE)}, OTHER),
        ("b3,tracecontext", single(TRACE), TRACE),
        ("b3,none", single(TRACE), None),
        ("b3", {"b3": "SECRET"}, None),
        ("b3", {"b3": f"{'0' * 32}-{PARENT}-1"}, None),
        ("b3", {"b3": "1"}, None),
    ],
)
def test_a_caller_is_continued_in_the_formats_that_are_named(
    monkeypatch: pytest.MonkeyPatch, propagators: str, headers: dict[str, str], trace: str | None
) -> None:
    assert caller(monkeypatch, propagators, headers) == (trace, trace is not None)


@pytest.mark.parametrize(
    ("propagators", "headers"),
    [("tracecontext", w3c(TRACE, "00")), ("b3", single(TRACE, "0")), ("b3multi", multi(TRACE, "0"))],
)
def test_a_caller_that_did_not_sample_its_trace_is_linked(
    monkeypatch: pytest.MonkeyPatch, propagators: str, headers: dict[str, str]
) -> None:
    assert caller(monkeypatch, propagators, headers) == (TRACE, False)


@pytest.mark.parametrize(
    ("propagators", "names"),
    [("tracecontext,baggage", {"traceparent"}), ("b3", {"b3"}), ("b3multi", set(multi(TRACE))), ("none", set())],
)
def test_a_trace_is_passed_on_in_the_same_formats(
    monkeypatch: pytest.MonkeyPatch, propagators: str, names: set[str]
) -> None:
    monkeypatch.setenv("OTEL_PROPAGATORS", "tracecontext")
    context = CallerTrace().extract(w3c(TRACE), Context())
    monkeypatch.setenv("OTEL_PROPAGATORS", propagators)
    headers: dict[str, str] = {}
    CallerTrace().inject(headers, context)
    assert headers.keys() == names
