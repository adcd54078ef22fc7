"""What is drawn over a chart of time: what happened, as lines; single requests, as dots that lead to their traces."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts.axes import Canvas, moments
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.theme import Theme
from otel.contract.metrics import CONTRACT

PATH = "requests"
"""Of the page of slow requests."""
MOST_LINES = 8
"""Of what is said when the pointer is over something."""
HEAD_PIXELS = 14
"""Above a chart, for the heads of its marks."""
COLUMNS = 48
"""Of a chart's time: what begins within one has one head, since two could not be told apart."""
SIGN_SIZE = 13
DOT, BEYOND, HEAD = "●", "▲", "▼"
LABELS = {attribute.name for instrument in CONTRACT for attribute in instrument.attributes}
"""Those of an exemplar's series that say something of the request."""


def draw(figure: go.Figure, canvas: Canvas, marks: Sequence[AnnotationEvent]) -> None:
    """Adds the marks within the chart's time and the canvas' exemplars; nothing, if the chart has no series."""
    if figure.layout.xaxis.range is None:
        return
    placed = [place for place in (_placed(mark, figure, canvas) for mark in marks) if place.start <= place.end]
    if placed:
        shapes = [shape for place in placed for shape in _shapes(place, canvas.theme)]
        figure.update_layout(shapes=(*figure.layout.shapes, *shapes), margin_t=HEAD_PIXELS)
    signs = _heads(placed, figure, canvas)
    if canvas.exemplars:
        signs += [_dot(exemplar, canvas, figure.layout.yaxis.range[1]) for exemplar in canvas.exemplars]
    figure.update_layout(annotations=(*figure.layout.annotations, *signs))


def address(trace_id: str, period: str) -> str:
    """Of the page of slow requests with this trace, from any page beside it."""
    return f"{PATH}?{urlencode({'trace': trace_id, 'period': period})}"


@dataclass(frozen=True, slots=True)
class _Placed:
    """A mark within the chart, as the viewer's clock has it."""

    mark: AnnotationEvent
    start: datetime
    end: datetime


def _placed(mark: AnnotationEvent, figure: go.Figure, canvas: Canvas) -> _Placed:
    first, last = figure.layout.xaxis.range
    start, end = moments((mark.begin, mark.end), canvas.zone)
    return _Placed(mark, max(start, first), min(end, last))


def _shapes(place: _Placed, theme: Theme) -> Iterator[dict[str, object]]:
    """A line where it began, unless that was before, and a shade for as long as it was so."""
    colour = _colour(place.mark, theme)
    across = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1, "x0": place.start}
    if not place.mark.begun_before:
        yield {**across, "type": "line", "x1": place.start, "line": {"color": colour, "width": 1.2}}
    if place.mark.annotation.lasts:
        shade = {"fillcolor": colour, "opacity": 0.08, "line": {"width": 0}, "layer": "below"}
        yield {**across, "type": "rect", "x1": place.end, **shade}


def _heads(placed: Sequence[_Placed], figure: go.Figure, canvas: Canvas) -> list[dict[str, object]]:
    """Above the lines, each with the words of all marks that begin there."""
    first, last = figure.layout.xaxis.range
    columns: dict[int, list[_Placed]] = defaultdict(list)
    for place in placed:
        columns[int((place.start - first) / (last - first) * COLUMNS)].append(place)
    return [_head(together, canvas) for together in columns.values()]


def _head(together: Sequence[_Placed], canvas: Canvas) -> dict[str, object]:
    colours = {_colour(place.mark, canvas.theme) for place in together}
    colour = colours.pop() if len(colours) == 1 else canvas.theme.text
    words = [_told(place.mark, canvas) for place in together[:MOST_LINES]]
    if len(together) > MOST_LINES:
        words.append(f"and {len(together) - MOST_LINES} more")
    at = {"x": min(place.start for place in together), "y": 1, "yref": "paper", "yanchor": "bottom"}
    return _sign(HEAD, at, words, colour, canvas.theme)


def _dot(exemplar: Exemplar, canvas: Canvas, top: float) -> dict[str, object]:
    """At its value, or at the upper edge if that is beyond it; a link."""
    beyond = exemplar.value > top
    sign = f"<span style='color: {canvas.theme.text}'>{BEYOND if beyond else DOT}</span>"
    when = f"{datetime.fromtimestamp(exemplar.time, canvas.zone):%-d %b %H:%M:%S}"
    labels = [value for key, value in sorted(exemplar.labels.items()) if key in LABELS]
    words = [f"{units.write(exemplar.value, canvas.panel.unit)}, {when}", ", ".join(labels), "Click to open its trace"]
    [at] = moments((exemplar.time,), canvas.zone)
    place = {"x": at, "y": min(exemplar.value, top), "yref": "y", "yanchor": "top" if beyond else "middle"}
    link = f"<a href='{address(exemplar.trace_id, canvas.period)}' target='_self'>{sign}</a>"
    return _sign(link, place, words, canvas.theme.text, canvas.theme)


def _sign(sign: str, place: Mapping[str, object], words: Sequence[str], colour: str, theme: Theme) -> dict[str, object]:
    """A letter with words that are shown when the pointer is over it; Plotly reads HTML in them."""
    return {
        **place,
        "text": sign,
        "xref": "x",
        "xanchor": "center",
        "showarrow": False,
        "borderpad": 0,
        "font": {"size": SIGN_SIZE, "color": colour},
        "hovertext": "<br>".join(html.escape(line, quote=False) for line in words),
        "hoverlabel": {"bgcolor": theme.card, "bordercolor": colour, "font": {"color": theme.text}},
    }


def _told(mark: AnnotationEvent, canvas: Canvas) -> str:
    when = f"{datetime.fromtimestamp(mark.begin, canvas.zone):%-d %b %H:%M}"
    since = f"since before {when}" if mark.begun_before else when
    return f"{mark.annotation.name}, {since}: {mark.title}, {mark.text}"


def _colour(mark: AnnotationEvent, theme: Theme) -> str:
    """Grafana's name of a colour in the theme's own."""
    return {"red": theme.bad, "blue": theme.accent, "purple": theme.categories[2]}[mark.annotation.colour]
