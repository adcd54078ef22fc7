"""A client of the trace store, Jaeger or Tempo: the slowest requests, a panel's search, and one trace."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dashboards.live.period import Window
from dashboards.live.sources.client import NotFound, Source, SourceRefused
from dashboards.live.sources.exemplars import words
from dashboards.panel import Search
from dashboards.traceql import VOICE_FIELD
from dashboards.variables import ALL, JOB, VOICE, Variable
from otel.trace_store.jaeger import Jaeger
from otel.trace_store.store import (
    DURATION,
    GetJson,
    StoredSpan,
    TraceSearch,
    TraceStore,
    TraceStoreError,
    TraceSummary,
    at_least,
    one_of,
)
from otel.trace_store.tempo import Tempo

Value = TypeVar("Value")

SEARCH_LIMIT = 100
MAX_SEARCHES = 10
"""The maximum number of searches for the slowest requests, each from the median of the one before: enough for 50,000
requests."""
IDENTIFIER = re.compile(r"[0-9a-fA-F]{1,32}")


class Traces:
    """The trace store that ``source`` reaches."""

    def __init__(self, source: Source, store: Callable[[GetJson], TraceStore]) -> None:
        self.source = source
        self._store = store(self._get_json)

    @classmethod
    def from_urls(cls, tempo_url: str, jaeger_url: str, source: Callable[[str, str], Source]) -> Traces:
        """Returns a client of Tempo if it has an address, else of Jaeger; ``source`` takes a name and an address."""
        if tempo_url:
            return cls(source("Tempo", tempo_url), Tempo)
        return cls(source("Jaeger", jaeger_url), Jaeger)

    @property
    def name(self) -> str:
        """The store's name for people."""
        return self.source.name

    def search(self, search: Search, window: Window, variables: Mapping[str, str]) -> tuple[TraceSummary, ...]:
        """Returns the requests that a panel's search finds, the newest first. Raises SourceError."""
        services = self._selected_values(JOB, variables)
        voices = self._selected_values(VOICE, variables)
        conditions = (*search.conditions, *([(one_of(VOICE_FIELD, *voices),)] if voices else []))
        trace_search = TraceSearch(window.start, window.end, conditions, services, search.limit)
        return self._query_store(lambda store: store.search(trace_search))

    def slowest(self, window: Window, variables: Mapping[str, str], count: int) -> tuple[TraceSummary, ...]:
        """Returns the slowest requests, the slowest first. Raises SourceError.

        A search stops at its limit and has no order. So it is repeated with a longer minimum duration until it stays
        below the limit.
        """
        requests: dict[str, TraceSummary] = {}
        min_seconds = 0.0
        for _ in range(MAX_SEARCHES):
            page = self.search(Search(((at_least(DURATION, min_seconds),),), SEARCH_LIMIT), window, variables)
            requests |= {request.trace_id: request for request in page}
            median = sorted(request.seconds for request in page)[len(page) // 2] if page else 0.0
            if len(page) < SEARCH_LIMIT or median <= min_seconds:
                break
            min_seconds = median
        return tuple(sorted(requests.values(), key=lambda request: -request.seconds)[:count])

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        """Returns all spans of a trace. Raises SourceError, NotFound if the store does not have it."""
        if not IDENTIFIER.fullmatch(trace_id):
            raise SourceRefused(self.name, "A trace id has up to 32 hexadecimal digits.")
        spans = self._query_store(lambda store: store.trace(trace_id))
        if not spans:
            raise NotFound(self.name, f"{self.name} does not have it.")
        return spans

    def is_ready(self) -> bool:
        """Returns True if it answers searches. Raises SourceError."""
        self._query_store(lambda store: store.check())
        return True

    def _get_json(self, path: str, parameters: Mapping[str, str | int]) -> Any:
        key = (path, tuple(sorted(parameters.items())))
        try:
            return self.source.cached(key, lambda: self.source.get(path, parameters))
        except NotFound:
            return None

    def _query_store(self, query: Callable[[TraceStore], Value]) -> Value:
        try:
            return query(self._store)
        except TraceStoreError as error:
            raise SourceRefused(self.name, str(error)) from None

    def _selected_values(self, variable: Variable, variables: Mapping[str, str]) -> tuple[str, ...]:
        """Returns the selected values of a variable; none if all are selected."""
        pattern = variables.get(variable.name, ALL)
        if pattern == ALL:
            return ()
        values = words(pattern)
        if values is None:
            raise SourceRefused(self.name, f"{variable.title}: {self.name} can be searched only for whole values.")
        return values
