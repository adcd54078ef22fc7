"""Spans as the dashboard draws them: the server's own /traces read as a store's, their order, attributes as text."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from otel.trace_store.store import StoredSpan, Value


def from_server(trace: Any) -> tuple[StoredSpan, ...]:
    """The spans in an answer of the server. Raises KeyError, TypeError or ValueError if it is none."""
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
    """Each span with its depth: a parent before its children, children by their start."""
    known = {span.identifier for span in spans}
    below: dict[str, list[StoredSpan]] = defaultdict(list)
    for span in sorted(spans, key=lambda span: (span.start, -span.seconds)):
        below[span.parent if span.parent in known else ""].append(span)

    def walk(parent: str, depth: int) -> Iterator[tuple[int, StoredSpan]]:
        for span in below.pop(parent, ()):
            yield depth, span
            yield from walk(span.identifier, depth + 1)

    yield from walk("", 0)


def text(value: Value) -> str:
    """An attribute's value as people read it."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
