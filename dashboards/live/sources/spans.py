"""Spans for the waterfall: parsing of the server's /traces, their order, and attributes as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from otel.trace_store.store import StoredSpan, Value


def from_server(trace: Any) -> tuple[StoredSpan, ...]:
    """Returns the spans of a trace from the server. Raises KeyError, TypeError or ValueError if it is not a trace."""
    return tuple(
        StoredSpan(
            span["span_id"],
            span["parent_span_id"] or "",
            str(span["name"]),
            int(span["start_unix_nano"]) / 1e9,
            float(span["duration_seconds"]),
            span["status"] == "ERROR",
            dict(span["attributes"]),
        )
        for span in trace["spans"]
    )


def in_order(spans: Sequence[StoredSpan]) -> Iterator[tuple[int, StoredSpan]]:
    """Yields each span with its depth: a parent before its children, children by their start."""
    identifiers = {span.identifier for span in spans}
    children: dict[str, list[StoredSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start, -span.seconds)):
        children[span.parent if span.parent in identifiers else ""].append(span)

    def walk(parent: str, depth: int) -> Iterator[tuple[int, StoredSpan]]:
        for span in children.pop(parent, ()):
            yield depth, span
            yield from walk(span.identifier, depth + 1)

    yield from walk("", 0)


def text(value: Value) -> str:
    """Returns an attribute's value as text."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
