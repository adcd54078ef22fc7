"""Asks all that a page's panels ask, at the same time; what one source can't answer spoils no other panel."""

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
from dashboards.live.sources import annotation_query as marks
from dashboards.live.sources import exemplars
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.client import Source, SourceError
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.sources.prometheus import Prometheus, Series
from dashboards.live.sources.traces import Traces
from dashboards.live.sources.ttscope_api import TtscopeApi
from dashboards.live.theme import Theme
from dashboards.panel import INSTANT, TIMELINES, Panel, Search
from otel.trace_store.store import TraceSummary

Value = TypeVar("Value")

AT_ONCE = 8
"""Questions at the same time, of all who look."""
DAYS = re.compile(r"\[\d+[dwy]\]")


@dataclass(frozen=True, slots=True)
class PageView:
    """What somebody looks at, and how."""

    window: Window
    chosen: Mapping[str, str]
    """Regular expressions by the variables' names."""
    theme: Theme
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class PanelData:
    """What a panel's questions brought."""

    series: tuple[Series, ...] = ()
    trend: tuple[Series, ...] = ()
    """Of a single number: how it was over time."""
    found: tuple[TraceSummary, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    error: SourceError | None = None


@dataclass(frozen=True, slots=True)
class PageData:
    """What a page shows."""

    answers: Mapping[str, PanelData]
    """By the panels' names."""
    marks: tuple[AnnotationEvent, ...] = ()
    problems: tuple[SourceError, ...] = ()
    """Why marks or exemplars are missing."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """Whether a source answers; ``problem`` says why it does not."""

    name: str
    problem: SourceError | None = None


@dataclass(frozen=True)
class Sources:
    """All that is asked, for as long as the process lives."""

    settings: Settings
    prometheus: Prometheus
    traces: Traces
    server: TtscopeApi
    pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "ask"))

    @classmethod
    def of(cls, settings: Settings) -> Sources:
        """By their addresses in the settings."""

        def source(name: str, url: str) -> Source:
            return Source(name, url, settings.timeout_seconds, settings.refresh_seconds * 0.9)

        return cls(
            settings,
            Prometheus(source("Prometheus", settings.prometheus_url)),
            Traces.at(settings.tempo_url, settings.jaeger_url, source),
            TtscopeApi(source("The server", settings.server_url)),
        )

    def states(self) -> tuple[SourceStatus, ...]:
        """Of the server, Prometheus and the trace store, in that order."""
        names = ("Server", "Prometheus", self.traces.name)
        checks = (self.server.is_ready, self.prometheus.is_ready, self.traces.is_ready)
        problems = self.pool.map(_problem, checks)
        return tuple(SourceStatus(name, problem) for name, problem in zip(names, problems, strict=True))

    def ask(self, panels: Sequence[Panel], view: PageView) -> PageData:
        """What each panel shows, what happened meanwhile, and the exemplars of all panels: of both one question."""
        happened = self.pool.submit(_tried, lambda: self._marks(panels, view))
        found = self.pool.submit(_tried, lambda: self._exemplars(panels, view))
        asked = {panel.name: self.pool.submit(self._ask, panel, view) for panel in panels}
        (shown, no_marks), (dots, no_dots) = happened.result(), found.result()
        answers = {
            name: replace(future.result(), exemplars=dots.get(name, ()) if dots else ())
            for name, future in asked.items()
        }
        return PageData(answers, shown or (), tuple(filter(None, (no_marks, no_dots))))

    def _marks(self, panels: Sequence[Panel], view: PageView) -> tuple[AnnotationEvent, ...]:
        if not any(panel.kind in TIMELINES for panel in panels):
            return ()
        return marks.read(self.prometheus.over(marks.QUESTION, marks.window_of(view.window), view.chosen))

    def _exemplars(self, panels: Sequence[Panel], view: PageView) -> dict[str, tuple[Exemplar, ...]]:
        """By the panels' names."""
        asked = {panel.name: exemplars.selectors(panel, view.window, view.chosen) for panel in panels}
        question = exemplars.question(selector for selectors in asked.values() for selector in selectors)
        found = self.prometheus.exemplars(question, view.window) if question else ()
        return {name: exemplars.shown(found, selectors, view.window) for name, selectors in asked.items()}

    def _ask(self, panel: Panel, view: PageView) -> PanelData:
        try:
            if isinstance(panel.ask, Search):
                return PanelData(found=self.traces.search(panel.ask, view.window, view.chosen))
            if panel.kind not in INSTANT:
                return PanelData(self._over(panel, view))
            at = time.time()
            now = tuple(
                series for query in panel.queries for series in self.prometheus.now(query, view.window, view.chosen, at)
            )
            return PanelData(now, self._trend(panel, view))
        except SourceError as error:
            return PanelData(error=error)

    def _trend(self, panel: Panel, view: PageView) -> tuple[Series, ...]:
        """How a single number was over time; a look back over days at every moment would cost too much."""
        if panel.kind != "stat" or any(DAYS.search(query.promql) for query in panel.queries):
            return ()
        interval = view.window.rate_interval
        query = panel.queries[0]
        return self.prometheus.over(query, view.window, view.chosen, interval)

    def _over(self, panel: Panel, view: PageView) -> tuple[Series, ...]:
        return tuple(
            series for query in panel.queries for series in self.prometheus.over(query, view.window, view.chosen)
        )


def _tried(ask: Callable[[], Value]) -> tuple[Value | None, SourceError | None]:
    try:
        return ask(), None
    except SourceError as error:
        return None, error


def _problem(check: Callable[[], bool]) -> SourceError | None:
    return _tried(check)[1]
