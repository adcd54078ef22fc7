"""Heatmaps: a distribution over time, a row for each series, and a state timeline."""

from __future__ import annotations

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts import distribution
from dashboards.live.charts.axes import Canvas, blank, local_times, set_time_axis
from dashboards.live.sources.prometheus import Series
from dashboards.panel import Unit

BOUNDS = "bounds"
"""The key of the largest value of each row, in a figure's meta."""
STATE_PIXELS = 30
AXIS_PIXELS = 34


def heatmap(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Draws a histogram over time: the rate within each range of values. The overlay places exemplars by its bounds."""
    rows = distribution.rows(series)
    names = [_row_label(rows.bounds, number, canvas) for number in range(len(rows.bounds))]
    figure = _heatmap_figure(canvas, series[0].times if series else (), names, rows.cells, "per second")
    figure.data[0].customdata = [[_rate(value) for value in row] for row in rows.cells]
    figure.layout.meta = {BOUNDS: list(rows.bounds)}
    return figure


def grid(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Draws a row for each series, the first one at the bottom, as in a chart of ranges."""
    rows = [list(entry.values) for entry in series]
    figure = _heatmap_figure(canvas, series[0].times if series else (), [entry.name for entry in series], rows, "")
    figure.data[0].customdata = [[units.format_value(value, canvas.panel.unit) for value in row] for row in rows]
    figure.layout.height = max(canvas.height, STATE_PIXELS * len(rows) + AXIS_PIXELS)
    return figure


def states(canvas: Canvas, series: Sequence[Series]) -> go.Figure:
    """Draws a state timeline: a row for each series, in two colours, for good and bad values by the thresholds."""
    theme = canvas.theme
    rows = [
        [None if math.isnan(value) else float(_is_bad(canvas, value)) for value in entry.values]
        for entry in reversed(series)
    ]
    names = [entry.name for entry in reversed(series)]
    figure = _heatmap_figure(canvas, series[0].times if series else (), names, rows, "")
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


def _heatmap_figure(
    canvas: Canvas, times: Sequence[float], names: Sequence[str], rows: Sequence[Sequence[float | None]], per: str
) -> go.Figure:
    figure = blank(canvas)
    cells = [
        [None if value is None or math.isnan(value) or (per and not value) else value for value in r] for r in rows
    ]
    figure.add_trace(
        go.Heatmap(
            x=local_times(times, canvas.zone),
            y=list(names),
            z=cells,
            colorscale=canvas.theme.scale,
            showscale=False,
            hovertemplate="%{x|%H:%M:%S}<br>%{y}: %{customdata}<extra></extra>",
            xgap=0.5,
            ygap=1,
            hoverongaps=False,
        )
    )
    set_time_axis(figure, canvas, times)
    figure.update_layout(hovermode="closest", showlegend=False)
    figure.update_yaxes(type="category", showgrid=False, tickfont={"color": canvas.theme.text}, nticks=12)
    return figure


def _row_label(bounds: Sequence[float], number: int, canvas: Canvas) -> str:
    unit = Unit.NUMBER if canvas.panel.unit in (Unit.REQUESTS_PER_SECOND, Unit.PER_SECOND) else canvas.panel.unit
    if math.isinf(bounds[number]):
        return f"> {units.format_value(bounds[number - 1], unit)}" if number else "all"
    return f"≤ {units.format_value(bounds[number], unit)}"


def _rate(value: float) -> str:
    return f"{units.format_value(value, Unit.REQUESTS_PER_SECOND)}"


def _is_bad(canvas: Canvas, value: float) -> bool:
    thresholds = canvas.panel.thresholds
    if not thresholds:
        return value < 0.5
    return any(value < limit.value if limit.below else value >= limit.value for limit in thresholds)
