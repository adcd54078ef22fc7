"""Asks Tempo for the slowest requests, for what a search finds, and for one trace whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from dashboards.live.period import Window
from dashboards.live.sources import Parameters, Source, SourceRefused
from dashboards.live.spans import Found, Span, attributes_of, from_otlp
from dashboards.panel import Search
from dashboards.traceql import requests
from dashboards.variables import fill

Value = TypeVar("Value")

NAME = "Tempo"
SHOWN = ("voice_name", "word_count_range", "outcome", "slow_reason", "cache")
"""Attributes of the server's span that a table of requests has."""
ENOUGH = 100
ROUNDS = 10
"""Of a search for the slowest, each from the median of the one before on: enough for 50,000 requests."""
IDENTIFIER = re.compile(r"[0-9a-fA-F]{1,32}")


class Tempo:
    """A Tempo, asked through ``source``."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def search(self, search: Search, window: Window, chosen: Mapping[str, str]) -> tuple[Found, ...]:
        """What a panel's search finds, the newest first. Raises SourceError."""
        traceql = fill(search.traceql, interval=window.rate_interval, span=window.span, chosen=chosen)
        attributes = ", ".join(f"span.tts.{name}" for name in SHOWN)
        found = self._search(f"{traceql} | select({attributes})", window, search.limit)
        return tuple(sorted(found, key=lambda request: -request.started))

    def slowest(self, window: Window, chosen: Mapping[str, str], most: int) -> tuple[Found, ...]:
        """The slowest requests, the slowest first. Raises SourceError.

        A search is cut off at a limit and knows no order; so it is made anew from a longer time on, as long as it is.
        """
        found: dict[str, Found] = {}
        least = 0.0
        for _ in range(ROUNDS):
            slower = self._slower_than(least, window, chosen)
            found |= {request.trace_id: request for request in slower}
            middle = sorted(request.seconds for request in slower)[len(slower) // 2] if slower else 0.0
            if len(slower) < ENOUGH or middle <= least:
                break
            least = middle
        return tuple(sorted(found.values(), key=lambda request: -request.seconds)[:most])

    def trace(self, trace_id: str) -> tuple[Span, ...]:
        """All spans of a trace. Raises SourceError, NotFound if Tempo does not have it."""
        if not IDENTIFIER.fullmatch(trace_id):
            raise SourceRefused(NAME, "A trace is named by up to 32 hexadecimal digits.")
        path = f"/api/traces/{trace_id}"
        return _read(from_otlp, self.source.remembered(path, lambda: self.source.get(path)))

    def is_ready(self) -> bool:
        """True if it answers searches. Raises SourceError."""
        self.source.remembered("alive", lambda: self.source.get("/api/search", {"q": "{}", "limit": 1}))
        return True

    def _slower_than(self, seconds: float, window: Window, chosen: Mapping[str, str]) -> tuple[Found, ...]:
        return self.search(replace(requests(f"duration >= {seconds * 1e3:.0f}ms"), limit=ENOUGH), window, chosen)

    def _search(self, traceql: str, window: Window, limit: int) -> tuple[Found, ...]:
        parameters: Parameters = {
            "q": traceql,
            "limit": limit,
            "start": window.start,
            "end": window.end,
        }
        answer = self.source.remembered((traceql, window, limit), lambda: self.source.get("/api/search", parameters))
        return _read(lambda found: tuple(_found(trace) for trace in found.get("traces") or ()), answer)


def _found(trace: Any) -> Found:
    sets = trace.get("spanSets") or [trace.get("spanSet") or {}]
    spans = [span for entry in sets for span in entry.get("spans", ())]
    attributes = attributes_of(spans[0].get("attributes", ())) if spans else {}
    longest = max((int(span["durationNanos"]) for span in spans if "durationNanos" in span), default=0) / 1e9
    return Found(
        str(trace["traceID"]).zfill(32),
        int(trace["startTimeUnixNano"]) / 1e9,
        longest or float(trace.get("durationMs", 0)) / 1e3,
        str(trace.get("rootTraceName", "")),
        {name: attributes.get(f"tts.{name}", "") for name in SHOWN},
    )


def _read(reader: Callable[[Any], Value], answer: Any) -> Value:
    try:
        return reader(answer)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        raise SourceRefused(NAME, f"{NAME} answers with something that is not a trace.") from None
