"""Annotation events: one query reads all annotations, and gives the start and the end of each event."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from dashboards.annotations import ANNOTATIONS, Annotation
from dashboards.live.period import MINUTE, Window, step_for
from dashboards.live.sources.prometheus import Series, series_name
from dashboards.panel import Query

KIND = "annotation"
"""The label that names the annotation of a series."""
QUERY = Query(
    " or ".join(
        f'label_replace({annotation.promql}, "{KIND}", "{annotation.name}", "", "")' for annotation in ANNOTATIONS
    )
)
MAX_STEPS = 11_000
"""The maximum number of steps in an answer of Prometheus. So the step for 30 days is 5 minutes, as long as a deploy is
visible."""
MAX_EVENTS = 100
"""The maximum number of events on a page: an alert that flaps for weeks would cover its charts."""
ANNOTATION_BY_NAME = {annotation.name: annotation for annotation in ANNOTATIONS}


@dataclass(frozen=True, slots=True)
class AnnotationEvent:
    """An event, with the title and the text of its annotation; times are seconds since 1970."""

    annotation: Annotation
    title: str
    text: str
    begin: float
    end: float
    """The time of its last sample."""
    begun_before: bool
    """Whether the event began before the page's time range."""


def query_window(window: Window) -> Window:
    """Returns the same time range in steps of a minute, as Grafana queries it; longer steps for a longer range."""
    step = max(MINUTE, step_for(window.seconds, MAX_STEPS))
    return Window(window.start // step * step, -(-window.end // step) * step, step)


def read_events(series: Iterable[Series]) -> tuple[AnnotationEvent, ...]:
    """Returns the events in the result of QUERY, the earliest first; at most the latest MAX_EVENTS."""
    events = [event for entry in series if entry.labels.get(KIND) in ANNOTATION_BY_NAME for event in _events(entry)]
    visible = [event for event in events if event.annotation.lasts or not event.begun_before]
    return tuple(sorted(visible, key=lambda event: event.begin)[-MAX_EVENTS:])


def _events(series: Series) -> Iterator[AnnotationEvent]:
    """Yields an event for each run of samples without a gap."""
    annotation = ANNOTATION_BY_NAME[series.labels[KIND]]
    words = [series_name(text, series.labels) for text in (annotation.title, annotation.text)]
    points = zip(series.times, (not math.isnan(value) for value in series.values), strict=True)
    for is_present, run in groupby(points, lambda point: point[1]):
        if is_present:
            times = [time for time, _ in run]
            yield AnnotationEvent(annotation, words[0], words[1], times[0], times[-1], times[0] == series.times[0])
