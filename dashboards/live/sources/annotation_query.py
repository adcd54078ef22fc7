"""What happened while a page looks: Grafana's annotations, all by one question, and when each began and ended."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from dashboards.annotations import ANNOTATIONS, Annotation
from dashboards.live.period import MINUTE, Window, step_for
from dashboards.live.sources.prometheus import Series, name_of
from dashboards.panel import Query

KIND = "annotation"
"""The label that says which of them a series belongs to."""
QUESTION = Query(" or ".join(f'label_replace({one.promql}, "{KIND}", "{one.name}", "", "")' for one in ANNOTATIONS))
MOST_STEPS = 11_000
"""Of an answer of Prometheus. So 30 days are asked in steps of 5 minutes, for which a deploy is seen."""
MOST = 100
"""Marks of a page: an alert that comes and goes for weeks would cover its charts."""
NAMED = {annotation.name: annotation for annotation in ANNOTATIONS}


@dataclass(frozen=True, slots=True)
class AnnotationEvent:
    """Something that happened, in the words of its annotation; seconds since 1970."""

    annotation: Annotation
    title: str
    text: str
    begin: float
    end: float
    """When it was last so."""
    begun_before: bool
    """It was so already when the page's time begins."""


def window_of(window: Window) -> Window:
    """The same time in whole steps of a minute, as Grafana asks, or of more if that were too many."""
    step = max(MINUTE, step_for(window.seconds, MOST_STEPS))
    return Window(window.start // step * step, -(-window.end // step) * step, step)


def read(found: Iterable[Series]) -> tuple[AnnotationEvent, ...]:
    """The marks of the series that answer QUESTION, the earliest first; of very many, the latest."""
    marks = [mark for series in found if series.labels.get(KIND) in NAMED for mark in _stretches(series)]
    told = [mark for mark in marks if mark.annotation.lasts or not mark.begun_before]
    return tuple(sorted(told, key=lambda mark: mark.begin)[-MOST:])


def _stretches(series: Series) -> Iterator[AnnotationEvent]:
    """A mark for each stretch without a gap."""
    annotation = NAMED[series.labels[KIND]]
    words = [name_of(text, series.labels) for text in (annotation.title, annotation.text)]
    there = zip(series.times, (not math.isnan(value) for value in series.values), strict=True)
    for is_there, stretch in groupby(there, lambda point: point[1]):
        if is_there:
            times = [time for time, _ in stretch]
            yield AnnotationEvent(annotation, words[0], words[1], times[0], times[-1], times[0] == series.times[0])
