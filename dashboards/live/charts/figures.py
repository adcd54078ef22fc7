"""Draws a panel's data as a Plotly figure, for every kind of panel that is a chart."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import tzinfo

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts import heatmaps, overlay
from dashboards.live.charts.axes import Canvas, blank, local_times, set_legend, set_time_axis, set_value_axis
from dashboards.live.period import DEFAULT_PERIOD
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.sources.prometheus import Series
from dashboards.live.theme import ORDERED, Theme
from dashboards.panel import TIMELINES, Panel, Threshold

REACH = 1.6
"""Thresholds up to this multiple of the largest value are drawn as lines; the nearest of the others is named."""
BAR_PIXELS = 34
MAX_LINES = 12
"""The maximum number of lines in a chart: the colours of more lines look alike."""


def draw(
    panel: Panel,
    series: Sequence[Series],
    theme: Theme,
    zone: tzinfo,
    *,
    events: Sequence[AnnotationEvent] = (),
    exemplars: Sequence[Exemplar] = (),
    period: str = DEFAULT_PERIOD,
) -> go.Figure:
    """Returns the figure, which has axes even without data. Raises ValueError for a kind that is not a chart."""
    drawer = DRAWERS.get(panel.kind)
    if drawer is None:
        raise ValueError(f"{panel.kind} is not a chart")
    named = [replace(entry, name=html.escape(entry.name, quote=False)) for entry in series]  # Plotly reads HTML
    canvas = Canvas(panel, theme, zone, exemplars, period)
    figure = drawer(canvas, named)
    if panel.kind in TIMELINES:
        overlay.draw(figure, canvas, events)
    return figure


def lines(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Draws a line for each series, at most the MAX_LINES highest; a single point is a dot."""
    figure = blank(canvas)
    if len(series) > MAX_LINES:
        series = sorted(series, key=lambda entry: -max(_numbers(entry.values), default=-math.inf))[:MAX_LINES]
    for entry, colour in zip(series, canvas.theme.colours([entry.name for entry in series]), strict=True):
        figure.add_trace(_line(canvas, entry, colour))
    maximum = max((value for entry in series for value in _numbers(entry.values)), default=0.0)
    minimum = min((value for entry in series for value in _numbers(entry.values)), default=0.0)
    _finish_lines(figure, canvas, series, maximum, min(0.0, minimum))
    return figure


def stacked(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Draws stacked areas, whose total height is the sum. Series that are always 0 are left out."""
    figure = blank(canvas)
    series = [entry for entry in series if any(_numbers(entry.values))] or list(series[:1])
    for entry, colour in zip(series, canvas.theme.colours([entry.name for entry in series]), strict=True):
        trace = _line(canvas, entry, colour)
        trace.update(stackgroup="all", fillcolor=_translucent(colour, 0.55), line={"width": 1.2, "color": colour})
        trace.y = [0.0 if math.isnan(value) else value for value in entry.values]
        figure.add_trace(trace)
    columns = zip(*(entry.values for entry in series), strict=False)
    maximum = max((sum(_numbers(column)) for column in columns), default=0.0)
    _finish_lines(figure, canvas, series, maximum, 0.0)
    return figure


def bars(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Draws a bar for the latest value of each series, the largest on top and ranges in order, with its value."""
    entries = [entry for entry in series if not math.isnan(entry.last)]
    ordered = len(entries) > 1 and all(entry.name in ORDERED for entry in entries)
    if not ordered:
        entries.sort(key=lambda entry: -entry.last)
    names = [entry.name for entry in entries]
    values = [entry.last for entry in entries]
    texts = [units.format_value(value, canvas.panel.unit) for value in values]
    colours = canvas.theme.colours(names)
    if not ordered and not any(canvas.theme.fixed_colour(name) for name in names):
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
    maximum = max(values, default=0.0)
    figure.update_xaxes(type="linear", range=[0, (maximum or 1.0) * 1.22], showgrid=False, showticklabels=False)
    rows = max(len(names), round((canvas.height - 20) / BAR_PIXELS))  # few bars are no thicker than many
    figure.update_yaxes(
        type="category",
        range=[rows - 0.5, -0.5],
        showgrid=False,
        automargin=True,
        tickfont={"color": canvas.theme.text},
    )
    for threshold in canvas.panel.thresholds:
        if threshold.value <= (maximum or 1.0) * 1.22:
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
"""The function for each kind of chart; stat, table, traces and text are not charts."""


def is_empty(series: Sequence[Series]) -> bool:
    """Returns whether no series has a value."""
    return all(math.isnan(entry.last) for entry in series)


def _line(canvas: Canvas, entry: Series, colour: str) -> go.Scatter:
    alone = sum(1 for _ in _numbers(entry.values)) == 1
    return go.Scatter(
        x=local_times(entry.times, canvas.zone),
        y=[None if math.isnan(value) else value for value in entry.values],
        name=entry.name,
        mode="markers" if alone else "lines",
        line={"color": colour, "width": 2, "shape": "linear"},
        marker={"color": colour, "size": 7},
        customdata=[units.format_value(value, canvas.panel.unit) for value in entry.values],
        hovertemplate="%{customdata}",
        connectgaps=False,
    )


def _finish_lines(figure: go.Figure, canvas: Canvas, series: Sequence[Series], maximum: float, minimum: float) -> None:
    """Adds the axes, the legend and the thresholds."""
    set_time_axis(figure, canvas, series[0].times if series else ())
    set_legend(figure, [entry.name for entry in series])
    other_values = (*(limit.value for limit in canvas.panel.thresholds), *(dot.value for dot in canvas.exemplars))
    top = max([maximum, *(value for value in other_values if value <= REACH * maximum)])
    set_value_axis(figure, canvas, minimum, top)
    beyond = []
    for threshold in canvas.panel.thresholds:
        if threshold.value <= top:
            figure.add_hline(threshold.value, line=_dash(canvas.theme, threshold))
        else:
            beyond.append(threshold)
    if beyond and top:
        nearest = min(beyond, key=lambda threshold: threshold.value)
        figure.add_annotation(
            text=f"↑ {nearest.severity} at {units.format_value(nearest.value, canvas.panel.unit)}",
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


def _translucent(colour: str, opacity: float) -> str:
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"
