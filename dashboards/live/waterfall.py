"""A trace as a waterfall: each span a bar from its begin to its end, below what it is a part of."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.frame import FONT
from dashboards.live.spans import Span, in_order
from dashboards.live.theme import Theme
from dashboards.panel import Unit
from otel.attributes import STAGE

BAR_PIXELS = 22
HEAD_PIXELS = 46
MOST_SPANS = 300
MOST_ATTRIBUTES = 20
INDENT = "\u2003"


def draw(spans: Sequence[Span], theme: Theme) -> go.Figure:
    """The figure of a trace with at least one span; of many spans, the first 300."""
    rows = list(in_order(spans))[:MOST_SPANS]
    begin = min(span.start for _, span in rows)
    end = max(span.start + span.seconds for _, span in rows)
    colours = dict(zip(STAGE.values, theme.colours(STAGE.values), strict=True))
    figure = go.Figure(
        go.Bar(
            base=[span.start - begin for _, span in rows],
            x=[max(span.seconds, (end - begin) / 1000) for _, span in rows],
            y=list(range(len(rows))),
            orientation="h",
            width=0.72,
            marker={
                "color": [theme.bad if span.failed else colours.get(span.name, theme.accent) for _, span in rows],
                "cornerradius": 3,
            },
            text=[units.write(span.seconds, Unit.SECONDS) for _, span in rows],
            textposition="outside",
            textfont={"color": theme.faint, "size": 11},
            cliponaxis=False,
            hovertext=[_told(span) for _, span in rows],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    places, texts = units.marks(Unit.SECONDS, end - begin)
    axis = {"fixedrange": True, "zeroline": False, "tickfont": {"color": theme.faint, "size": 12}}
    figure.update_layout(
        height=BAR_PIXELS * len(rows) + HEAD_PIXELS,
        margin={"l": 0, "r": 0, "t": 24, "b": 0},
        font={"family": FONT, "size": 13, "color": theme.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        showlegend=False,
        hoverlabel={"bgcolor": theme.card, "font": {"color": theme.text}, "align": "left"},
        xaxis={
            **axis,
            "side": "top",
            "range": [0, (end - begin) * 1.12 or 1.0],
            "tickvals": places,
            "ticktext": texts,
            "gridcolor": theme.line,
        },
        yaxis={
            **axis,
            "range": [len(rows) - 0.4, -0.6],
            "tickvals": list(range(len(rows))),
            "ticktext": [INDENT * depth + html.escape(span.name) for depth, span in rows],
            "tickfont": {"color": theme.text, "size": 12},
            "showgrid": False,
            "automargin": True,
        },
    )
    return figure


def _told(span: Span) -> str:
    """Plotly reads a little HTML in these: what is not ours is escaped."""
    shown = sorted(span.attributes.items())[:MOST_ATTRIBUTES]
    lines = [f"{html.escape(key)}: {html.escape(value[:80])}" for key, value in shown]
    return "<br>".join([f"<b>{html.escape(span.name)}</b> {units.write(span.seconds, Unit.SECONDS)}", *lines])
