"""What all charts have in common: their axes, their margins, and the letters on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.theme import Theme
from dashboards.panel import Panel

ROW_PIXELS = 30
"""Of Grafana's grid."""
FONT = "Source Sans, Source Sans Pro, system-ui, sans-serif"
ROOM = 1.08
"""Of an axis above its largest value."""


@dataclass(frozen=True, slots=True)
class Canvas:
    """What a drawing is of and on."""

    panel: Panel
    theme: Theme
    zone: tzinfo
    """Of whoever looks at it."""


def blank(canvas: Canvas) -> go.Figure:
    """A figure over time, with nothing on it. Nothing can be dragged: a finger scrolls the page."""
    theme = canvas.theme
    axis = {
        "gridcolor": theme.line,
        "linecolor": theme.line,
        "zeroline": False,
        "fixedrange": True,
        "tickfont": {"color": theme.faint, "size": 12},
        "title": None,
    }
    return go.Figure(
        layout={
            "height": canvas.panel.height * ROW_PIXELS - 40,
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
                "y": -0.16,
                "yanchor": "top",
                "font": {"size": 12, "color": theme.text},
                "itemclick": "toggleothers",
                "itemdoubleclick": "toggle",
            },
            "xaxis": {**axis, "type": "date", "showgrid": False, "automargin": True, "nticks": 7},
            "yaxis": {**axis, "automargin": True},
            "uirevision": canvas.panel.name,
        }
    )


def set_values(figure: go.Figure, canvas: Canvas, least: float, most: float) -> None:
    """Marks the axis of values from ``least`` to ``most`` by the panel's unit."""
    top = (most or 1.0) * ROOM
    places, texts = units.marks(canvas.panel.unit, top, least)
    figure.update_yaxes(range=[least * ROOM, top], tickvals=places, ticktext=texts)


def moments(times: Sequence[float], zone: tzinfo) -> list[datetime]:
    """As the viewer's clock shows them: Plotly takes times without a zone as they are."""
    return [datetime.fromtimestamp(time, zone).replace(tzinfo=None) for time in times]
