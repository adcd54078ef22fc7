"""Grafana Tempo as a trace store, by its HTTP API, with conditions written in TraceQL."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from otel.trace_store import otlp_json
from otel.trace_store.store import (
    DURATION,
    SUMMARISED,
    Condition,
    Conditions,
    GetJson,
    Operator,
    StoredSpan,
    TraceSearch,
    TraceStoreError,
    TraceSummary,
    one_of,
)

NAME = "Tempo"
LONGEST_SEARCH_SECONDS = 7 * 24 * 3600
"""Tempo 2.8 refuses a search over a longer time."""
SERVICE = "resource.service.name"
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class Tempo:
    """A Tempo whose HTTP API ``get_json`` calls."""

    name = NAME

    def __init__(self, get_json: GetJson) -> None:
        self._get_json = get_json

    def check(self) -> None:
        self._traces({"q": "{}", "limit": 1})

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        answer = self._get_json(f"/api/traces/{trace_id}", {})
        if answer is None:
            return ()
        try:
            return otlp_json.spans(answer["batches"])
        except MALFORMED:
            raise TraceStoreError(f"{NAME} answers with something that is not a trace.") from None

    def search(self, search: TraceSearch) -> tuple[TraceSummary, ...]:
        """Does not find requests older than LONGEST_SEARCH_SECONDS before the search's end."""
        parameters: dict[str, str | int] = {
            "q": f"{query(search.conditions, search.services)} | select({', '.join(map(_span_attribute, SUMMARISED))})",
            "limit": search.limit,
            "start": int(max(search.start, search.end - LONGEST_SEARCH_SECONDS)),
            "end": int(search.end),
        }
        traces = self._traces(parameters)
        try:
            return tuple(sorted(map(_summary, traces), key=lambda summary: -summary.started))
        except MALFORMED:
            raise TraceStoreError(f"{NAME} answers with something that is not a trace.") from None

    def _traces(self, parameters: dict[str, str | int]) -> list[Any]:
        answer = self._get_json("/api/search", parameters)
        traces = answer.get("traces", [] if "metrics" in answer else None) if isinstance(answer, dict) else None
        if not isinstance(traces, list):
            raise TraceStoreError(f"What answers is not {NAME}.")
        return traces


def query(conditions: Conditions, services: tuple[str, ...] = ()) -> str:
    """Returns TraceQL for the requests that fulfil the conditions."""
    service = [condition_traceql(one_of(SERVICE, *services))] if services else []
    return "{ " + " && ".join([*service, "kind = server", *map(group_traceql, conditions)]) + " }"


def group_traceql(group: tuple[Condition, ...]) -> str:
    """Returns TraceQL for a group of conditions, of which one must hold."""
    return condition_traceql(group[0]) if len(group) == 1 else f"({' || '.join(map(condition_traceql, group))})"


def condition_traceql(condition: Condition) -> str:
    """Returns TraceQL for a condition."""
    name = condition.name if condition.name in (DURATION, SERVICE) else _span_attribute(condition.name)
    if condition.operator is Operator.PRESENT:
        return f"{name} != nil"
    if condition.operator is Operator.ONE_OF:
        return _one_of(name, condition.texts)
    number = _seconds(condition.number) if condition.name == DURATION else f"{condition.number:g}"
    return f"{name} {condition.operator} {number}"


def _one_of(name: str, texts: tuple[str, ...]) -> str:
    if len(texts) == 1:
        return f"{name} = {_quoted(texts[0])}"
    return f"{name} =~ {_quoted('|'.join(map(re.escape, texts)))}"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def _span_attribute(name: str) -> str:
    return f"span.{name}"


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}s" if seconds >= 1 and float(seconds).is_integer() else f"{seconds * 1e3:.0f}ms"


def _summary(trace: Any) -> TraceSummary:
    spans = list(_matching_spans(trace))
    attributes = otlp_json.attributes(entry for span in spans for entry in span.get("attributes", ()))
    longest = max((int(span["durationNanos"]) for span in spans if "durationNanos" in span), default=0) / 1e9
    return TraceSummary(
        str(trace["traceID"]).zfill(32),  # Tempo leaves leading zeros out
        int(trace["startTimeUnixNano"]) / 1e9,
        longest or float(trace.get("durationMs", 0)) / 1e3,
        str(trace.get("rootTraceName", "")),
        {name: attributes[name] for name in SUMMARISED if name in attributes},
    )


def _matching_spans(trace: Any) -> Iterable[Any]:
    """The spans of a search result that fulfil the query."""
    for entry in trace.get("spanSets") or [trace.get("spanSet") or {}]:
        yield from entry.get("spans", ())
