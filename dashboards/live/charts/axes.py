"""The layout that all charts share: axes, margins, fonts and legends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.period import DEFAULT_PERIOD
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.theme import Theme
from dashboards.panel import Panel

ROW_PIXELS = 30
"""The height of a row in Grafana's grid."""
TITLE_PIXELS = 40
LETTER_PIXELS = 6.8
"""The approximate width of a letter in a legend."""
FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"
TIME_FORMATS = [
    {"dtickrange": [None, 59_999], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, 43_200_000], "value": "%H:%M"},
    {"dtickrange": [43_200_001, None], "value": "%-d %b"},
]
"""The formats of an axis' times, by the milliseconds between two ticks."""
HEADROOM = 1.08
"""The length of an axis relative to its largest value."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """The panel to draw, and the viewer's theme, time zone and period."""

    panel: Panel
    theme: Theme
    zone: tzinfo
    """The viewer's time zone."""
    exemplars: Sequence[Exemplar] = ()
    period: str = DEFAULT_PERIOD
    """The selected period, which the links of exemplars keep."""

    @property
    def height(self) -> int:
        """The height in pixels, without the panel's title."""
        return self.panel.height * ROW_PIXELS - TITLE_PIXELS


def blank(canvas: Canvas) -> go.Figure:
    """Returns an empty figure with a time axis. Dragging is off, so that touch scrolls the page."""
    theme = canvas.theme
    axis = {
        "gridcolor": theme.line,
        "linecolor": theme.line,
        "zeroline": False,
        "ticks": "",
        "fixedrange": True,
        "tickfont": {"color": theme.faint, "size": 12},
        "title": None,
    }
    return go.Figure(
        layout={
            "height": canvas.height,
            "margin": {"l": 0, "r": 8, "t": 6, "b": 0},
            "font": {"family": FONT, "size": 13, "color": theme.text},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "hovermode": "x unified",
            "hoverlabel": {
                "bgcolor": theme.card,
                "bordercolor": theme.line,
                "font": {"color": theme.text, "family": FONT},
            },
            "dragmode": False,
            "showlegend": True,
            "legend": {
                "orientation": "h",
                "x": 0,
                "xref": "container",
                "y": 0,
                "yref": "container",
                "yanchor": "bottom",
                "traceorder": "normal",
                "font": {"size": 12, "color": theme.text},
                "itemclick": "toggleothers",
                "itemdoubleclick": "toggle",
            },
            "xaxis": {
                **axis,
                "type": "date",
                "showgrid": False,
                "automargin": True,
                "nticks": 7,
                "tickangle": 0,
                "tickformatstops": TIME_FORMATS,
            },
            "yaxis": {**axis, "automargin": True},
            "uirevision": canvas.panel.name,
        }
    )


def set_value_axis(figure: go.Figure, canvas: Canvas, minimum: float, maximum: float) -> None:
    """Sets the range and the ticks of the value axis, in the panel's unit."""
    top = (maximum or 1.0) * HEADROOM
    places, texts = units.ticks(canvas.panel.unit, top, minimum)
    figure.update_yaxes(range=[minimum * HEADROOM, top], tickvals=places, ticktext=texts)


def set_time_axis(figure: go.Figure, canvas: Canvas, times: Sequence[float]) -> None:
    """Sets the range of the time axis to all queried times, with and without data."""
    if times:
        figure.update_xaxes(range=local_times((times[0], times[-1]), canvas.zone))


def set_legend(figure: go.Figure, names: Sequence[str]) -> None:
    """Sets the width of the legend's entries, so that each line has as many as fit."""
    figure.update_layout(legend={"entrywidth": LETTER_PIXELS * max(map(len, names), default=0) + 4})


def local_times(times: Sequence[float], zone: tzinfo) -> list[datetime]:
    """Returns times in the viewer's zone, without a zone: Plotly shows such times unchanged."""
    return [datetime.fromtimestamp(time, zone).replace(tzinfo=None) for time in times]
