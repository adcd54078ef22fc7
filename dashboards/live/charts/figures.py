"""A panel's data as a Plotly figure, for every kind that is a chart."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts import heatmaps, overlay
from dashboards.live.charts.axes import Canvas, blank, moments, set_legend, set_times, set_values
from dashboards.live.period import USUAL
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.sources.prometheus import Series
from dashboards.live.theme import ORDERED, Theme
from dashboards.panel import TIMELINES, Panel, Threshold

REACH = 1.6
"""Thresholds up to so many times the largest value are drawn in the chart, others named above it."""
BAR_PIXELS = 34
MOST_LINES = 12
"""In one chart: of more, nobody can tell the colours apart."""


def draw(
    panel: Panel,
    series: Sequence[Series],
    theme: Theme,
    zone: tzinfo,
    *,
    marks: Sequence[AnnotationEvent] = (),
    exemplars: Sequence[Exemplar] = (),
    period: str = USUAL,
) -> go.Figure:
    """The figure; an empty one has axes all the same. ValueError of a kind that is no chart."""
    drawer = DRAWERS.get(panel.kind)
    if drawer is None:
        raise ValueError(f"{panel.kind} is not a chart")
    named = [replace(entry, name=html.escape(entry.name, quote=False)) for entry in series]  # Plotly reads HTML
    canvas = Canvas(panel, theme, zone, exemplars, period)
    figure = drawer(canvas, named)
    if panel.kind in TIMELINES:
        overlay.draw(figure, canvas, marks)
    return figure


def lines(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """A line for each series, of very many for the highest; a point by itself is a dot."""
    figure = blank(canvas)
    if len(series) > MOST_LINES:
        series = sorted(series, key=lambda entry: -max(_numbers(entry.values), default=-math.inf))[:MOST_LINES]
    for entry, colour in zip(series, canvas.theme.colours([entry.name for entry in series]), strict=True):
        figure.add_trace(_line(canvas, entry, colour))
    most = max((value for entry in series for value in _numbers(entry.values)), default=0.0)
    least = min((value for entry in series for value in _numbers(entry.values)), default=0.0)
    _finish(figure, canvas, series, most, min(0.0, least))
    return figure


def stacked(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Areas upon each other: their height is the sum. What was 0 all the time is left out."""
    figure = blank(canvas)
    series = [entry for entry in series if any(_numbers(entry.values))] or list(series[:1])
    for entry, colour in zip(series, canvas.theme.colours([entry.name for entry in series]), strict=True):
        trace = _line(canvas, entry, colour)
        trace.update(stackgroup="all", fillcolor=_clear(colour, 0.55), line={"width": 1.2, "color": colour})
        trace.y = [0.0 if math.isnan(value) else value for value in entry.values]
        figure.add_trace(trace)
    columns = zip(*(entry.values for entry in series), strict=False)
    most = max((sum(_numbers(column)) for column in columns), default=0.0)
    _finish(figure, canvas, series, most, 0.0)
    return figure


def bars(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """A bar for each series' latest value, with the value written beside it; the largest on top, ranges in order."""
    shown = [entry for entry in series if not math.isnan(entry.last)]
    ordered = len(shown) > 1 and all(entry.name in ORDERED for entry in shown)
    if not ordered:
        shown.sort(key=lambda entry: -entry.last)
    names = [entry.name for entry in shown]
    values = [entry.last for entry in shown]
    texts = [units.write(value, canvas.panel.unit) for value in values]
    colours = canvas.theme.colours(names)
    if not ordered and not any(canvas.theme.means(name) for name in names):
        colours = [canvas.theme.accent] * len(names)
    figure = blank(canvas)
    figure.add_trace(
        go.Bar(
            x=values,
            y=names,
            orientation="h",
            text=texts,
            textposition="outside",
            cliponaxis=False,
            marker={"color": colours, "cornerradius": 3},
            hovertemplate="%{y}: %{text}<extra></extra>",
            width=0.62,
        )
    )
    most = max(values, default=0.0)
    figure.update_xaxes(type="linear", range=[0, (most or 1.0) * 1.22], showgrid=False, showticklabels=False)
    rows = max(len(names), round((canvas.height - 20) / BAR_PIXELS))  # few bars are no thicker than many
    figure.update_yaxes(
        type="category",
        range=[rows - 0.5, -0.5],
        showgrid=False,
        automargin=True,
        tickfont={"color": canvas.theme.text},
    )
    for threshold in canvas.panel.thresholds:
        if threshold.value <= (most or 1.0) * 1.22:
            figure.add_vline(threshold.value, line=_dash(canvas.theme, threshold))
    figure.update_layout(showlegend=False, hovermode="closest")
    figure.layout.height = max(canvas.height, BAR_PIXELS * len(names) + 20)
    return figure


DRAWERS: dict[str, Callable[[Canvas, Sequence[Series]], go.Figure]] = {
    "lines": lines,
    "stacked": stacked,
    "bars": bars,
    "heatmap": heatmaps.heatmap,
    "grid": heatmaps.grid,
    "states": heatmaps.states,
}
"""By kind; the others are no charts: stat, table, traces, text."""


def is_empty(series: Sequence[Series]) -> bool:
    """Whether there is no value at all."""
    return all(math.isnan(entry.last) for entry in series)


def _line(canvas: Canvas, entry: Series, colour: str) -> go.Scatter:
    alone = sum(1 for _ in _numbers(entry.values)) == 1
    return go.Scatter(
        x=moments(entry.times, canvas.zone),
        y=[None if math.isnan(value) else value for value in entry.values],
        name=entry.name,
        mode="markers" if alone else "lines",
        line={"color": colour, "width": 2, "shape": "linear"},
        marker={"color": colour, "size": 7},
        customdata=[units.write(value, canvas.panel.unit) for value in entry.values],
        hovertemplate="%{customdata}",
        connectgaps=False,
    )


def _finish(figure: go.Figure, canvas: Canvas, series: Sequence[Series], most: float, least: float) -> None:
    """The axes and the legend, and the thresholds."""
    set_times(figure, canvas, series[0].times if series else ())
    set_legend(figure, [entry.name for entry in series])
    beside = (*(limit.value for limit in canvas.panel.thresholds), *(dot.value for dot in canvas.exemplars))
    top = max([most, *(value for value in beside if value <= REACH * most)])
    set_values(figure, canvas, least, top)
    beyond = []
    for threshold in canvas.panel.thresholds:
        if threshold.value <= top:
            figure.add_hline(threshold.value, line=_dash(canvas.theme, threshold))
        else:
            beyond.append(threshold)
    if beyond and top:
        nearest = min(beyond, key=lambda threshold: threshold.value)
        figure.add_annotation(
            text=f"↑ {nearest.severity} at {units.write(nearest.value, canvas.panel.unit)}",
            xref="paper",
            yref="paper",
            x=0.01,
            y=1,
            xanchor="left",
            yanchor="top",
            showarrow=False,
            font={"size": 11, "color": canvas.theme.severity(nearest.severity)},
        )


def _dash(theme: Theme, threshold: Threshold) -> dict[str, object]:
    return {"color": theme.severity(threshold.severity), "width": 1.4, "dash": "dash"}


def _numbers(values: Sequence[float]) -> Sequence[float]:
    return [value for value in values if not math.isnan(value)]


def _clear(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def shown_at(seconds: float, zone: tzinfo) -> str:
    """A moment as a table writes it."""
    return f"{datetime.fromtimestamp(seconds, zone):%-d %b %H:%M:%S}"
