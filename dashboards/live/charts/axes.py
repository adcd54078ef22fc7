"""What all charts have in common: their axes, their margins, and the letters on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.period import USUAL
from dashboards.live.sources.exemplars import Exemplar
from dashboards.live.theme import Theme
from dashboards.panel import Panel

ROW_PIXELS = 30
"""Of Grafana's grid."""
TITLE_PIXELS = 40
LETTER_PIXELS = 6.8
"""Of a legend, about."""
FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"
TIMES = [
    {"dtickrange": [None, 59_999], "value": "%H:%M:%S"},
    {"dtickrange": [60_000, 43_200_000], "value": "%H:%M"},
    {"dtickrange": [43_200_001, None], "value": "%-d %b"},
]
"""How moments are written by the milliseconds between two marks."""
ROOM = 1.08
"""Of an axis above its largest value."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a drawing is of and on."""

    panel: Panel
    theme: Theme
    zone: tzinfo
    """Of whoever looks at it."""
    exemplars: Sequence[Exemplar] = ()
    period: str = USUAL
    """That was chosen: where its exemplars lead, it is kept."""

    @property
    def height(self) -> int:
        """In pixels, without the panel's title."""
        return self.panel.height * ROW_PIXELS - TITLE_PIXELS


def blank(canvas: Canvas) -> go.Figure:
    """A figure over time, with nothing on it. Nothing can be dragged: a finger scrolls the page."""
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
                "tickformatstops": TIMES,
            },
            "yaxis": {**axis, "automargin": True},
            "uirevision": canvas.panel.name,
        }
    )


def set_values(figure: go.Figure, canvas: Canvas, least: float, most: float) -> None:
    """Marks the axis of values from ``least`` to ``most`` by the panel's unit."""
    top = (most or 1.0) * ROOM
    places, texts = units.marks(canvas.panel.unit, top, least)
    figure.update_yaxes(range=[least * ROOM, top], tickvals=places, ticktext=texts)


def set_times(figure: go.Figure, canvas: Canvas, times: Sequence[float]) -> None:
    """The axis of time shows all that was asked for, whether there is something or not."""
    if times:
        figure.update_xaxes(range=moments((times[0], times[-1]), canvas.zone))


def set_legend(figure: go.Figure, names: Sequence[str]) -> None:
    """As many entries in a line as their names let."""
    figure.update_layout(legend={"entrywidth": LETTER_PIXELS * max(map(len, names), default=0) + 4})


def moments(times: Sequence[float], zone: tzinfo) -> list[datetime]:
    """As the viewer's clock shows them: Plotly takes times without a zone as they are."""
    return [datetime.fromtimestamp(time, zone).replace(tzinfo=None) for time in times]
