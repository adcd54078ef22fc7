"""The annotations of a chart over time: events as lines, and exemplars as dots that link to their traces."""

from __future__ import annotations

import html
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts.axes import Canvas, local_times
from dashboards.live.charts.heatmaps import BOUNDS
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.theme import Theme
from otel.contract.metrics import CONTRACT

REQUESTS_PATH = "requests"
"""The path of the page of slow requests."""
MAX_HOVER_LINES = 8
"""The maximum number of events in a hover text."""
MARKER_PIXELS = 14
"""The margin above a chart, for the markers of its events."""
COLUMNS = 48
"""The number of columns of a chart: events that begin in the same one share a marker, since two would overlap."""
MARKER_SIZE = 13
EXEMPLAR_SIGN, HIGH_EXEMPLAR_SIGN, EVENT_SIGN = "●", "▲", "▼"
LABELS = {attribute.prometheus_name for instrument in CONTRACT for attribute in instrument.attributes}
"""The labels of an exemplar that its hover text shows: the contract's attributes."""


def draw(figure: go.Figure, canvas: Canvas, events: Sequence[AnnotationEvent]) -> None:
    """Adds the events within the chart's time range and the canvas' exemplars; nothing if the chart has no series."""
    if figure.layout.xaxis.range is None:
        return
    visible_events = [
        visible for visible in (_visible(event, figure, canvas) for event in events) if visible.start <= visible.end
    ]
    if visible_events:
        shapes = [shape for visible in visible_events for shape in _shapes(visible, canvas.theme)]
        figure.update_layout(shapes=(*figure.layout.shapes, *shapes), margin_t=MARKER_PIXELS)
    markers = _event_markers(visible_events, figure, canvas)
    markers += [_exemplar_marker(exemplar, canvas, *_height(exemplar, figure)) for exemplar in canvas.exemplars]
    figure.update_layout(annotations=(*figure.layout.annotations, *markers))


def trace_link(trace_id: str, period: str) -> str:
    """Returns the relative link to a trace on the page of slow requests."""
    return f"{REQUESTS_PATH}?{urlencode({'trace': trace_id, 'period': period})}"


@dataclass(frozen=True, slots=True)
class _VisibleEvent:
    """An event within the chart's time range, in the viewer's time."""

    event: AnnotationEvent
    start: datetime
    end: datetime


def _visible(event: AnnotationEvent, figure: go.Figure, canvas: Canvas) -> _VisibleEvent:
    first, last = figure.layout.xaxis.range
    start, end = local_times((event.begin, event.end), canvas.zone)
    return _VisibleEvent(event, max(start, first), min(end, last))


def _shapes(visible: _VisibleEvent, theme: Theme) -> Iterator[dict[str, object]]:
    """Yields a line where the event began, unless that was before the chart, and a shade for as long as it lasted."""
    colour = _colour(visible.event, theme)
    across = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "x0": visible.start}
    if not visible.event.begun_before:
        yield {**across, "type": "line", "x1": visible.start, "line": {"color": colour, "width": 1.2}}
    if visible.event.annotation.lasts:
        shade = {"fillcolor": colour, "opacity": 0.08, "line": {"width": 0}, "layer": "below"}
        yield {**across, "type": "rect", "x1": visible.end, **shade}


def _event_markers(
    visible_events: Sequence[_VisibleEvent], figure: go.Figure, canvas: Canvas
) -> list[dict[str, object]]:
    """Returns the markers above the lines; events that begin in the same column share one."""
    first, last = figure.layout.xaxis.range
    columns: dict[int, list[_VisibleEvent]] = defaultdict(list)
    for visible in visible_events:
        columns[int((visible.start - first) / (last - first) * COLUMNS)].append(visible)
    return [_event_marker(group, canvas) for group in columns.values()]


def _event_marker(group: Sequence[_VisibleEvent], canvas: Canvas) -> dict[str, object]:
    colours = {_colour(visible.event, canvas.theme) for visible in group}
    colour = colours.pop() if len(colours) == 1 else canvas.theme.text
    lines = [_hover_text(visible.event, canvas) for visible in group[:MAX_HOVER_LINES]]
    if len(group) > MAX_HOVER_LINES:
        lines.append(f"and {len(group) - MAX_HOVER_LINES} more")
    place = {"x": min(visible.start for visible in group), "y": 1, "yref": "paper", "yanchor": "bottom"}
    return _marker(EVENT_SIGN, place, lines, colour, canvas.theme)


def _height(exemplar: Exemplar, figure: go.Figure) -> tuple[float, bool]:
    """Returns where an exemplar is on the value axis, or the upper edge, and whether it is above that.

    In a heatmap it is in the row of its value: Plotly counts rows from 0 on, and the edge of the last one is half a row
    higher.
    """
    if figure.layout.meta is None:
        value, top = exemplar.value, figure.layout.yaxis.range[1]
    else:
        bounds = figure.layout.meta[BOUNDS]
        value, top = bisect_left(bounds, exemplar.value), len(bounds) - 0.5
    return min(value, top), value > top


def _exemplar_marker(exemplar: Exemplar, canvas: Canvas, height: float, is_high: bool) -> dict[str, object]:
    """Returns a marker that links to the trace."""
    sign = f"<span style='color: {canvas.theme.text}'>{HIGH_EXEMPLAR_SIGN if is_high else EXEMPLAR_SIGN}</span>"
    time = units.format_time(exemplar.time, canvas.zone)
    labels = [value for key, value in sorted(exemplar.labels.items()) if key in LABELS]
    lines = [
        f"{units.format_value(exemplar.value, canvas.panel.unit)}, {time}",
        ", ".join(labels),
        "Click to open its trace",
    ]
    [local_time] = local_times((exemplar.time,), canvas.zone)
    place = {"x": local_time, "y": height, "yref": "y", "yanchor": "top" if is_high else "middle"}
    link = f"<a href='{trace_link(exemplar.trace_id, canvas.period)}' target='_self'>{sign}</a>"
    return _marker(link, place, lines, canvas.theme.text, canvas.theme)


def _marker(
    sign: str, place: Mapping[str, object], lines: Sequence[str], colour: str, theme: Theme
) -> dict[str, object]:
    """Returns a sign with a hover text, in which Plotly reads HTML."""
    return {
        **place,
        "text": sign,
        "xref": "x",
        "xanchor": "center",
        "showarrow": False,
        "borderpad": 0,
        "font": {"size": MARKER_SIZE, "color": colour},
        "hovertext": "<br>".join(html.escape(line, quote=False) for line in lines),
        "hoverlabel": {"bgcolor": theme.card, "bordercolor": colour, "font": {"color": theme.text}},
    }


def _hover_text(event: AnnotationEvent, canvas: Canvas) -> str:
    start = f"{datetime.fromtimestamp(event.begin, canvas.zone):%-d %b %H:%M}"
    since = f"since before {start}" if event.begun_before else start
    return f"{event.annotation.name}, {since}: {event.title}, {event.text}"


def _colour(event: AnnotationEvent, theme: Theme) -> str:
    """Returns the theme's colour for Grafana's name of an annotation's colour."""
    _, orange, purple, _, yellow, *_ = theme.categories
    colours = {"red": theme.bad, "blue": theme.accent, "purple": purple, "orange": orange, "yellow": yellow}
    return colours[event.annotation.colour]
