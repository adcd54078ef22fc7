"""Jaeger as a trace store: its HTTP API, on its storage badger.

Facts about Jaeger 1.76 that shape this file:

- /api/v3/traces takes no attributes; /api/traces takes equal ones as ``tags``, and the least duration of any span.
  So equalities narrow the search there, and every condition is tried again on the SERVER spans of what it finds.
- Badger gives the newest traces first, by the start of the spans that have the first tag. ``span.kind`` is among the
  tags, so these are SERVER spans, and a search can go on from the oldest of them.
- A search must name a service.
- Unless raw traces are asked for, it shifts spans by what it takes for a difference of clocks.
- A path that Jaeger does not know answers 200 with a page: what answers is known by its content alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from otel.trace_store import otlp_json
from otel.trace_store.store import (
    DURATION,
    SUMMARISED,
    Ask,
    Condition,
    Operator,
    StoredSpan,
    TraceSearch,
    TraceStoreError,
    TraceSummary,
    Value,
)

NAME = "Jaeger"
PAGE = 100
"""Traces in one answer; with 50 spans each they are 4 MB."""
MOST_PAGES = 50
"""After which a search ends, whatever it has found: conditions that Jaeger does not take are tried on 5,000 traces."""
KIND = "span.kind"
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError)


class Jaeger:
    """A Jaeger that ``ask`` reaches."""

    name = NAME

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def check(self) -> None:
        self._services()

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        answer = self._ask(f"/api/v3/traces/{trace_id}", {"raw_traces": "true"})
        if answer is None:
            return ()
        try:
            return otlp_json.spans(answer["result"]["resourceSpans"])
        except MALFORMED:
            raise _not_traces() from None

    def search(self, search: TraceSearch) -> tuple[TraceSummary, ...]:
        """The newest requests, up to the limit."""
        found: dict[str, TraceSummary] = {}
        for service in search.services or self._services():
            for summary in self._of_service(service, search):
                found.setdefault(summary.trace_id, summary)
        newest = sorted(found.values(), key=lambda summary: -summary.started)
        return tuple(newest[: search.limit])

    def _services(self) -> list[str]:
        try:
            return [str(service) for service in self._ask("/api/services", {})["data"] or ()]
        except MALFORMED:
            raise TraceStoreError(f"What answers is not {NAME}.") from None

    def _of_service(self, service: str, search: TraceSearch) -> list[TraceSummary]:
        """Up to ``search.limit`` requests of a service, page by page."""
        found: dict[str, TraceSummary] = {}
        end = round(search.end * 1e6)
        for _ in range(MOST_PAGES):
            answer = self._ask("/api/traces", _parameters(service, search, end))
            try:
                page = [_Trace(trace) for trace in answer["data"] or ()]
                for trace in page:
                    found |= {one.trace_id: one for one in trace.summaries(search)}
                oldest = min((trace.newest_request(end) for trace in page), default=end)
            except MALFORMED:
                raise _not_traces() from None
            if len(page) < PAGE or len(found) >= search.limit or oldest >= end:
                break
            end = oldest
        return list(found.values())


class _Trace:
    """A trace in Jaeger's own JSON; times are microseconds there."""

    def __init__(self, trace: Any) -> None:
        self._trace_id = str(trace["traceID"]).zfill(32)
        tagged = [(span, _tags(span)) for span in trace["spans"]]
        self._requests = [(span, tags) for span, tags in tagged if tags.get(KIND) == "server"]

    def summaries(self, search: TraceSearch) -> Iterator[TraceSummary]:
        """The trace's first request that fits, if there is one."""
        for span, tags in sorted(self._requests, key=lambda request: request[0]["startTime"]):
            started, seconds = span["startTime"] / 1e6, span["duration"] / 1e6
            if search.fits(tags, started, seconds):
                shown = {name: tags[name] for name in SUMMARISED if name in tags}
                yield TraceSummary(self._trace_id, started, seconds, str(span["operationName"]), shown)
                return

    def newest_request(self, end: int) -> int:
        """By which the trace stands in its page: the start of its newest request, up to ``end``."""
        return max((int(span["startTime"]) for span, _ in self._requests if span["startTime"] <= end), default=end)


def _parameters(service: str, search: TraceSearch, end: int) -> dict[str, str | int]:
    single = [group[0] for group in search.conditions if len(group) == 1]
    tags = {KIND: "server"} | {one.name: one.texts[0] for one in single if _is_equality(one)}
    least = max((one.number for one in single if one.name == DURATION), default=0.0)
    narrowed: dict[str, str | int] = {"minDuration": f"{int(least * 1e6)}us"} if least else {}
    times = {"start": round(search.start * 1e6), "end": end}
    return {"service": service, "tags": json.dumps(tags), "limit": PAGE, "raw": "true", **times, **narrowed}


def _is_equality(condition: Condition) -> bool:
    return condition.operator is Operator.ONE_OF and len(condition.texts) == 1


def _tags(span: Any) -> dict[str, Value]:
    return {str(tag["key"]): tag["value"] for tag in span["tags"]}


def _not_traces() -> TraceStoreError:
    return TraceStoreError(f"{NAME} answers with something that is not a trace.")
