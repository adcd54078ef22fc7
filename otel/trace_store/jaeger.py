"""Jaeger as a trace store, by its HTTP API; Jaeger stores the traces in Badger.

Facts about Jaeger 1.76 that shape this file:

- /api/v3/traces takes no attributes; /api/traces takes equalities as ``tags``, and the minimum duration of any span.
  So equalities narrow the search there, and every condition is checked again on the SERVER spans of the results.
- Badger returns the newest traces first, by the start of the spans that have the first tag. ``span.kind`` is among the
  tags, so these are SERVER spans, and the next page can start at the oldest of them.
- A search must name a service.
- Unless raw traces are requested, Jaeger shifts spans to correct what it believes to be clock skew.
- For an unknown path, Jaeger answers status 200 with an HTML page. So only the content tells whether it is an answer.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from otel.trace_store import otlp_json
from otel.trace_store.store import (
    DURATION,
    SUMMARISED,
    Condition,
    GetJson,
    Operator,
    StoredSpan,
    TraceSearch,
    TraceStoreError,
    TraceSummary,
    Value,
)

NAME = "Jaeger"
PAGE = 100
"""Number of traces in one answer; with 50 spans each they are 4 MB."""
MAX_PAGES = 50
"""A search ends after so many pages: conditions that Jaeger does not take are checked on 5,000 traces."""
KIND = "span.kind"
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class Jaeger:
    """A Jaeger whose HTTP API ``get_json`` calls."""

    name = NAME

    def __init__(self, get_json: GetJson) -> None:
        self._get_json = get_json

    def check(self) -> None:
        self._services()

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        answer = self._get_json(f"/api/v3/traces/{trace_id}", {"raw_traces": "true"})
        if answer is None:
            return ()
        try:
            return otlp_json.spans(answer["result"]["resourceSpans"])
        except MALFORMED:
            raise _not_traces() from None

    def search(self, search: TraceSearch) -> tuple[TraceSummary, ...]:
        """Returns the newest requests, up to the limit."""
        summaries: dict[str, TraceSummary] = {}
        for service in search.services or self._services():
            for summary in self._search_service(service, search):
                summaries.setdefault(summary.trace_id, summary)
        newest = sorted(summaries.values(), key=lambda summary: -summary.started)
        return tuple(newest[: search.limit])

    def _services(self) -> list[str]:
        try:
            return [str(service) for service in self._get_json("/api/services", {})["data"] or ()]
        except MALFORMED:
            raise TraceStoreError(f"What answers is not {NAME}.") from None

    def _search_service(self, service: str, search: TraceSearch) -> list[TraceSummary]:
        """Searches a service page by page, until ``search.limit`` requests are found."""
        summaries: dict[str, TraceSummary] = {}
        end = round(search.end * 1e6)
        for _ in range(MAX_PAGES):
            answer = self._get_json("/api/traces", _parameters(service, search, end))
            try:
                page = [_Trace(trace) for trace in answer["data"] or ()]
                for trace in page:
                    summaries |= {summary.trace_id: summary for summary in trace.summaries(search)}
                oldest = min((trace.newest_request(end) for trace in page), default=end)
            except MALFORMED:
                raise _not_traces() from None
            if len(page) < PAGE or len(summaries) >= search.limit or oldest >= end:
                break
            end = oldest
        return list(summaries.values())


class _Trace:
    """A trace in Jaeger's own JSON; times are microseconds there."""

    def __init__(self, trace: Any) -> None:
        self._trace_id = str(trace["traceID"]).zfill(32)
        tagged = [(span, _tags(span)) for span in trace["spans"]]
        self._requests = [(span, tags) for span, tags in tagged if tags.get(KIND) == "server"]

    def summaries(self, search: TraceSearch) -> Iterator[TraceSummary]:
        """Yields the first request of the trace that fits the search, if there is one."""
        for span, tags in sorted(self._requests, key=lambda request: request[0]["startTime"]):
            started, seconds = span["startTime"] / 1e6, span["duration"] / 1e6
            if search.fits(tags, started, seconds):
                attributes = {name: tags[name] for name in SUMMARISED if name in tags}
                yield TraceSummary(self._trace_id, started, seconds, str(span["operationName"]), attributes)
                return

    def newest_request(self, end: int) -> int:
        """The start of the newest request up to ``end``, by which Jaeger sorts traces."""
        return max((int(span["startTime"]) for span, _ in self._requests if span["startTime"] <= end), default=end)


def _parameters(service: str, search: TraceSearch, end: int) -> dict[str, str | int]:
    conditions = [group[0] for group in search.conditions if len(group) == 1]
    tags = {KIND: "server"} | {
        condition.name: condition.texts[0] for condition in conditions if _is_equality(condition)
    }
    min_seconds = max((condition.number for condition in conditions if condition.name == DURATION), default=0.0)
    min_duration: dict[str, str | int] = {"minDuration": f"{int(min_seconds * 1e6)}us"} if min_seconds else {}
    times = {"start": round(search.start * 1e6), "end": end}
    return {"service": service, "tags": json.dumps(tags), "limit": PAGE, "raw": "true", **times, **min_duration}


def _is_equality(condition: Condition) -> bool:
    return condition.operator is Operator.ONE_OF and len(condition.texts) == 1


def _tags(span: Any) -> dict[str, Value]:
    return {str(tag["key"]): tag["value"] for tag in span["tags"]}


def _not_traces() -> TraceStoreError:
    return TraceStoreError(f"{NAME} answers with something that is not a trace.")
