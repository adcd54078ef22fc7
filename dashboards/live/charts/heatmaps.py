"""Panels that are cells, coloured by their value: a histogram over time, a row for each series, states."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts.axes import Canvas, blank, moments, set_times
from dashboards.live.sources.prometheus import Series
from dashboards.panel import Unit

INFINITE = "+Inf"
STATE_PIXELS = 30
AXIS_PIXELS = 34


def heatmap(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """A histogram's buckets, which count all up to their bound, as how many a second lie within each."""
    bounds = sorted((entry for entry in series if "le" in entry.labels), key=_bound)
    rows: list[list[float]] = []
    below: Sequence[float] = ()
    for entry in bounds:
        values = [0.0 if math.isnan(value) else value for value in entry.values]
        rows.append([max(0.0, value - less) for value, less in zip(values, below or [0.0] * len(values), strict=True)])
        below = values
    filled = [number for number, row in enumerate(rows) if any(value > 1e-9 for value in row)]
    first, last = (max(0, filled[0] - 1), min(len(rows) - 1, filled[-1] + 1)) if filled else (0, -1)
    shown, names = rows[first : last + 1], [_range(bounds, number, canvas) for number in range(first, last + 1)]
    figure = _cells(canvas, bounds[0].times if bounds else (), names, shown, "per second")
    figure.data[0].customdata = [[_rate(value) for value in row] for row in shown]
    return figure


def grid(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """A row for each series, its first one at the bottom as in a chart of ranges."""
    rows = [list(entry.values) for entry in series]
    figure = _cells(canvas, series[0].times if series else (), [entry.name for entry in series], rows, "")
    figure.data[0].customdata = [[units.write(value, canvas.panel.unit) for value in row] for row in rows]
    figure.layout.height = max(canvas.height, STATE_PIXELS * len(rows) + AXIS_PIXELS)
    return figure


def states(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """A row for each series, in two colours: what its thresholds call bad, and what they do not."""
    theme = canvas.theme
    rows = [
        [None if math.isnan(value) else float(_is_bad(canvas, value)) for value in entry.values]
        for entry in reversed(series)
    ]
    names = [entry.name for entry in reversed(series)]
    figure = _cells(canvas, series[0].times if series else (), names, rows, "")
    words = [["no data" if v is None else ("not ok" if v else "ok") for v in r] for r in rows]
    figure.data[0].update(
        colorscale=[(0, theme.good), (0.5, theme.good), (0.5, theme.bad), (1, theme.bad)],
        zmin=0,
        zmax=1,
        showscale=False,
        ygap=6,
        xgap=0,
        customdata=words,
    )
    figure.layout.height = max(canvas.height, STATE_PIXELS * len(rows) + AXIS_PIXELS)
    places = max(len(rows), round((canvas.height - AXIS_PIXELS) / STATE_PIXELS))  # few are no thicker than many
    figure.update_yaxes(range=[len(rows) - places - 0.5, len(rows) - 0.5])
    return figure


def _cells(
    canvas: Canvas, times: Sequence[float], names: Sequence[str], rows: Sequence[Sequence[float | None]], per: str
) -> go.Figure:
    figure = blank(canvas)
    empty = [
        [None if value is None or math.isnan(value) or (per and not value) else value for value in r] for r in rows
    ]
    figure.add_trace(
        go.Heatmap(
            x=moments(times, canvas.zone),
            y=list(names),
            z=empty,
            colorscale=canvas.theme.scale,
            showscale=False,
            hovertemplate="%{x|%H:%M:%S}<br>%{y}: %{customdata}<extra></extra>",
            xgap=0.5,
            ygap=1,
            hoverongaps=False,
        )
    )
    set_times(figure, canvas, times)
    figure.update_layout(hovermode="closest", showlegend=False)
    figure.update_yaxes(type="category", showgrid=False, tickfont={"color": canvas.theme.text}, nticks=12)
    return figure


def _bound(entry: Series) -> float:
    text = entry.labels["le"]
    return math.inf if text == INFINITE else float(text)


def _range(bounds: Sequence[Series], number: int, canvas: Canvas) -> str:
    unit = Unit.NUMBER if canvas.panel.unit in (Unit.REQUESTS_PER_SECOND, Unit.PER_SECOND) else canvas.panel.unit
    upper = _bound(bounds[number])
    if math.isinf(upper):
        return f"> {units.write(_bound(bounds[number - 1]), unit)}" if number else "all"
    return f"≤ {units.write(upper, unit)}"


def _rate(value: float) -> str:
    return f"{units.write(value, Unit.REQUESTS_PER_SECOND)}"


def _is_bad(canvas: Canvas, value: float) -> bool:
    thresholds = canvas.panel.thresholds
    if not thresholds:
        return value < 0.5
    return any(value < limit.value if limit.below else value >= limit.value for limit in thresholds)
