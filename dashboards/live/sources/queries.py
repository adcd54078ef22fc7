"""Runs all queries of a page's panels concurrently; an error of one panel does not affect the others."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import TypeVar

from dashboards.live.period import Window
from dashboards.live.settings import Settings
from dashboards.live.sources import annotation_query, exemplars
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.client import Source, SourceError
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.sources.prometheus import Prometheus, Series
from dashboards.live.sources.traces import Traces
from dashboards.live.sources.ttscope_api import TtscopeApi
from dashboards.live.theme import Theme
from dashboards.panel import INSTANT, TIMELINES, Panel, Search
from otel.support.api_key import authorization
from otel.trace_store.store import TraceSummary

Value = TypeVar("Value")

MAX_WORKERS = 8
"""The maximum number of concurrent queries, of all viewers together."""
DAYS = re.compile(r"\[\d+[dwy]\]")


@dataclass(frozen=True, slots=True)
class PageView:
    """What a viewer has selected: the time range, the variables, the theme and the time zone."""

    window: Window
    variables: Mapping[str, str]
    """Regular expressions, by variable."""
    theme: Theme
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class PanelData:
    """The results of a panel's queries."""

    series: tuple[Series, ...] = ()
    trend: tuple[Series, ...] = ()
    """The values over time of a single number."""
    traces: tuple[TraceSummary, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class PageData:
    """The results of all queries of a page."""

    panels: Mapping[str, PanelData]
    """The data of each panel, by its name."""
    events: tuple[AnnotationEvent, ...] = ()
    problems: tuple[SourceError, ...] = ()
    """The reasons why events or exemplars are missing."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """Whether a source answers: ``problem`` is None, or the reason why it does not."""

    name: str
    problem: SourceError | None = None


@dataclass(frozen=True)
class Sources:
    """The sources of the dashboard: one set for the lifetime of the process."""

    settings: Settings
    prometheus: Prometheus
    traces: Traces
    server: TtscopeApi
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(MAX_WORKERS, "query"))

    @classmethod
    def from_settings(cls, settings: Settings) -> Sources:
        """Creates the sources with the addresses in the settings."""

        def source(name: str, url: str, headers: Callable[[], dict[str, str]] = dict) -> Source:
            return Source(name, url, settings.timeout_seconds, settings.refresh_seconds * 0.9, headers)

        return cls(
            settings,
            Prometheus(source("Prometheus", settings.prometheus_url)),
            Traces.from_urls(settings.tempo_url, settings.jaeger_url, source),
            TtscopeApi(source("The server", settings.server_url, authorization)),
        )

    def statuses(self) -> tuple[SourceStatus, ...]:
        """Checks the server, Prometheus and the trace store, in that order."""
        names = ("Server", "Prometheus", self.traces.name)
        checks = (self.server.is_ready, self.prometheus.is_ready, self.traces.is_ready)
        problems = self.pool.map(_error_of, checks)
        return tuple(SourceStatus(name, problem) for name, problem in zip(names, problems, strict=True))

    def query_page(self, panels: Sequence[Panel], view: PageView) -> PageData:
        """Returns the data of all panels, the events, and the exemplars; events and exemplars take one query each."""
        events_future = self.pool.submit(_result_or_error, lambda: self._events(panels, view))
        exemplars_future = self.pool.submit(_result_or_error, lambda: self._exemplars(panels, view))
        panel_futures = {panel.name: self.pool.submit(self._query_panel, panel, view) for panel in panels}
        events, events_error = events_future.result()
        exemplars_by_panel, exemplars_error = exemplars_future.result()
        data = {
            name: replace(future.result(), exemplars=exemplars_by_panel.get(name, ()) if exemplars_by_panel else ())
            for name, future in panel_futures.items()
        }
        return PageData(data, events or (), tuple(filter(None, (events_error, exemplars_error))))

    def _events(self, panels: Sequence[Panel], view: PageView) -> tuple[AnnotationEvent, ...]:
        if not any(panel.kind in TIMELINES for panel in panels):
            return ()
        window = annotation_query.query_window(view.window)
        return annotation_query.read_events(self.prometheus.query_range(annotation_query.QUERY, window, view.variables))

    def _exemplars(self, panels: Sequence[Panel], view: PageView) -> dict[str, tuple[Exemplar, ...]]:
        """Returns the exemplars of each panel, by its name."""
        selectors_by_panel = {panel.name: exemplars.selectors(panel, view.window, view.variables) for panel in panels}
        query = exemplars.exemplar_query(
            selector for selectors in selectors_by_panel.values() for selector in selectors
        )
        series = self.prometheus.exemplars(query, view.window) if query else ()
        return {
            name: exemplars.slowest_in_columns(series, selectors, view.window)
            for name, selectors in selectors_by_panel.items()
        }

    def _query_panel(self, panel: Panel, view: PageView) -> PanelData:
        try:
            if isinstance(panel.ask, Search):
                return PanelData(traces=self.traces.search(panel.ask, view.window, view.variables))
            if panel.kind not in INSTANT:
                return PanelData(self._query_series(panel, view))
            at = time.time()
            series = tuple(
                entry
                for query in panel.queries
                for entry in self.prometheus.query_instant(query, view.window, view.variables, at)
            )
            return PanelData(series, self._trend(panel, view))
        except SourceError as error:
            return PanelData(error=error)

    def _trend(self, panel: Panel, view: PageView) -> tuple[Series, ...]:
        """Returns a single number over time; nothing for a query over days, which would cost too much at every step."""
        if panel.kind != "stat" or any(DAYS.search(query.promql) for query in panel.queries):
            return ()
        interval = view.window.rate_interval
        query = panel.queries[0]
        return self.prometheus.query_range(query, view.window, view.variables, interval)

    def _query_series(self, panel: Panel, view: PageView) -> tuple[Series, ...]:
        return tuple(
            series
            for query in panel.queries
            for series in self.prometheus.query_range(query, view.window, view.variables)
        )


def _result_or_error(query: Callable[[], Value]) -> tuple[Value | None, SourceError | None]:
    try:
        return query(), None
    except SourceError as error:
        return None, error


def _error_of(check: Callable[[], bool]) -> SourceError | None:
    return _result_or_error(check)[1]
