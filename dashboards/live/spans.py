"""A trace as the dashboard draws it, whoever it comes from: Tempo's OTLP JSON, or the server's own /traces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a request's time."""

    identifier: str
    parent: str
    """Its identifier, empty of the first."""
    name: str
    start: float
    """Seconds since 1970."""
    seconds: float
    failed: bool = False
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A request that a search has found."""

    trace_id: str
    started: float
    """Seconds since 1970."""
    seconds: float
    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """By their names without "tts."."""


def from_otlp(trace: Any) -> tuple[Span, ...]:
    """Of Tempo's answer. Raises KeyError, TypeError or ValueError if it is not one."""
    return tuple(
        Span(
            span["spanId"],
            span.get("parentSpanId") or "",
            str(span["name"]),
            int(span["startTimeUnixNano"]) / 1e9,
            (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9,
            span.get("status", {}).get("code") in (2, "STATUS_CODE_ERROR"),
            attributes_of(span.get("attributes", ())),
        )
        for batch in trace["batches"]
        for scope in batch["scopeSpans"]
        for span in scope["spans"]
    )


def from_server(trace: Any) -> tuple[Span, ...]:
    """Of the server's answer. Raises KeyError, TypeError or ValueError if it is not one."""
    return tuple(
        Span(
            span["span_id"],
            span["parent_span_id"] or "",
            str(span["name"]),
            int(span["start_unix_nano"]) / 1e9,
            float(span["duration_seconds"]),
            span["status"] == "ERROR",
            {str(key): str(value) for key, value in span["attributes"].items()},
        )
        for span in trace["spans"]
    )


def attributes_of(attributes: Any) -> dict[str, str]:
    """OTLP's list of keys and values as text."""
    return {str(entry["key"]): _text(entry.get("value", {})) for entry in attributes}


def in_order(spans: Sequence[Span]) -> Iterator[tuple[int, Span]]:
    """Each span with its depth: a parent before its children, children by their start."""
    known = {span.identifier for span in spans}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start, -span.seconds)):
        below[span.parent if span.parent in known else ""].append(span)

    def walk(parent: str, depth: int) -> Iterator[tuple[int, Span]]:
        for span in below.pop(parent, ()):
            yield depth, span
            yield from walk(span.identifier, depth + 1)

    yield from walk("", 0)


def _text(value: Mapping[str, Any]) -> str:
    found = next(iter(value.values()), "")
    return f"{found:.4g}" if isinstance(found, float) else str(found)
