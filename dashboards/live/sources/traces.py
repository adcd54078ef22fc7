"""Asks the trace store, Jaeger or Tempo, for the slowest requests, for a panel's search, and for one trace whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dashboards.live.period import Window
from dashboards.live.sources.client import NotFound, Source, SourceRefused
from dashboards.live.sources.exemplars import words
from dashboards.panel import Search
from dashboards.traceql import VOICE_FEATURE
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

ENOUGH = 100
ROUNDS = 10
"""Of a search for the slowest, each from the median of the one before on: enough for 50,000 requests."""
IDENTIFIER = re.compile(r"[0-9a-fA-F]{1,32}")


class Traces:
    """The trace store, asked through ``source``."""

    def __init__(self, source: Source, store: Callable[[GetJson], TraceStore]) -> None:
        self.source = source
        self._store = store(self._ask)

    @classmethod
    def at(cls, tempo_url: str, jaeger_url: str, source: Callable[[str, str], Source]) -> Traces:
        """Tempo if there is an address of one, else Jaeger; ``source`` makes one of a name and an address."""
        if tempo_url:
            return cls(source("Tempo", tempo_url), Tempo)
        return cls(source("Jaeger", jaeger_url), Jaeger)

    @property
    def name(self) -> str:
        """What people call the store."""
        return self.source.name

    def search(self, search: Search, window: Window, chosen: Mapping[str, str]) -> tuple[TraceSummary, ...]:
        """What a panel's search finds, the newest first. Raises SourceError."""
        services = self._chosen(JOB, chosen)
        voices = self._chosen(VOICE, chosen)
        conditions = (*search.conditions, *([(one_of(VOICE_FEATURE, *voices),)] if voices else []))
        question = TraceSearch(window.start, window.end, conditions, services, search.limit)
        return self._answered(lambda store: store.search(question))

    def slowest(self, window: Window, chosen: Mapping[str, str], most: int) -> tuple[TraceSummary, ...]:
        """The slowest requests, the slowest first. Raises SourceError.

        A search is cut off at a limit and knows no order; so it is made anew from a longer time on, as long as it is.
        """
        found: dict[str, TraceSummary] = {}
        least = 0.0
        for _ in range(ROUNDS):
            slower = self.search(Search(((at_least(DURATION, least),),), ENOUGH), window, chosen)
            found |= {request.trace_id: request for request in slower}
            middle = sorted(request.seconds for request in slower)[len(slower) // 2] if slower else 0.0
            if len(slower) < ENOUGH or middle <= least:
                break
            least = middle
        return tuple(sorted(found.values(), key=lambda request: -request.seconds)[:most])

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        """All spans of a trace. Raises SourceError, NotFound if the store does not have it."""
        if not IDENTIFIER.fullmatch(trace_id):
            raise SourceRefused(self.name, "A trace id has up to 32 hexadecimal digits.")
        spans = self._answered(lambda store: store.trace(trace_id))
        if not spans:
            raise NotFound(self.name, f"{self.name} does not have it.")
        return spans

    def is_ready(self) -> bool:
        """True if it answers searches. Raises SourceError."""
        self._answered(lambda store: store.check())
        return True

    def _ask(self, path: str, parameters: Mapping[str, str | int]) -> Any:
        key = (path, tuple(sorted(parameters.items())))
        try:
            return self.source.remembered(key, lambda: self.source.get(path, parameters))
        except NotFound:
            return None

    def _answered(self, question: Callable[[TraceStore], Value]) -> Value:
        try:
            return question(self._store)
        except TraceStoreError as error:
            raise SourceRefused(self.name, str(error)) from None

    def _chosen(self, variable: Variable, chosen: Mapping[str, str]) -> tuple[str, ...]:
        """The values of a variable that are chosen; none if all are."""
        pattern = chosen.get(variable.name, ALL)
        if pattern == ALL:
            return ()
        values = words(pattern)
        if values is None:
            raise SourceRefused(self.name, f"{variable.title}: {self.name} can be searched only for whole values.")
        return values
