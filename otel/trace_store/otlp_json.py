"""Reads spans from OTLP/JSON, the format in which both stores return a trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otel.trace_store.store import StoredSpan, Value

FAILED = (2, "STATUS_CODE_ERROR")


def spans(resources: Iterable[Any]) -> tuple[StoredSpan, ...]:
    """Returns the spans of all resources.

    Raises KeyError, TypeError, ValueError or AttributeError if this is not OTLP.
    """
    return tuple(_span(span) for resource in resources for scope in resource["scopeSpans"] for span in scope["spans"])


def attributes(entries: Iterable[Any]) -> dict[str, Value]:
    """Returns attributes by their keys. Integers are strings in OTLP's JSON and become numbers again."""
    return {str(entry["key"]): _value(entry.get("value", {})) for entry in entries}


def _span(span: Any) -> StoredSpan:
    start, end = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
    return StoredSpan(
        str(span["spanId"]),
        span.get("parentSpanId") or "",
        str(span["name"]),
        start / 1e9,
        (end - start) / 1e9,
        span.get("status", {}).get("code") in FAILED,
        attributes(span.get("attributes", ())),
    )


def _value(value: Mapping[str, Any]) -> Value:
    if "intValue" in value:
        return int(value["intValue"])
    content = next(iter(value.values()), "")
    return content if isinstance(content, str | int | float) else str(content)
