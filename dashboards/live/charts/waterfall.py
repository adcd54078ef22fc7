"""A trace as a waterfall: each span is a bar from its start to its end, below its parent."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import plotly.graph_objects as go

from dashboards.live import units
from dashboards.live.charts.axes import FONT
from dashboards.live.sources.spans import in_order, text
from dashboards.live.theme import Theme
from dashboards.panel import Unit
from otel.contract.labels import STAGE
from otel.trace_store.store import StoredSpan

BAR_PIXELS = 22
TOP_PIXELS = 46
MAX_SPANS = 300
SHORT_SHARE = 0.005
"""The share of the trace's duration below which a span is short: its bar would be a line."""
MAX_ATTRIBUTES = 20
NAME_PIXELS = 118
INDENT_PIXELS = 12
MAX_LETTERS = 22


def draw(spans: Sequence[StoredSpan], theme: Theme) -> go.Figure:
    """Returns the figure of a trace with at least one span; at most the first MAX_SPANS rows."""
    begin = min(span.start for span in spans)
    end = max(span.start + span.seconds for span in spans)
    rows = _merge_short(in_order(spans), (end - begin) * SHORT_SHARE)[:MAX_SPANS]
    colours = dict(zip(STAGE.values, theme.colours(STAGE.values), strict=True))
    figure = go.Figure(
        go.Bar(
            base=[span.start - begin for _, span in rows],
            x=[max(span.seconds, (end - begin) / 1000) for _, span in rows],
            y=list(range(len(rows))),
            orientation="h",
            width=0.72,
            marker={
                "color": [
                    theme.bad if span.failed else colours.get(span.name.partition(" (")[0], theme.accent)
                    for _, span in rows
                ],
                "cornerradius": 3,
            },
            text=[units.format_value(span.seconds, Unit.SECONDS) for _, span in rows],
            textposition="outside",
            textfont={"color": theme.faint, "size": 11},
            cliponaxis=False,
            hovertext=[_hover_text(span) for _, span in rows],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    places, texts = units.ticks(Unit.SECONDS, end - begin)
    axis = {"fixedrange": True, "zeroline": False, "tickfont": {"color": theme.faint, "size": 12}}
    figure.update_layout(
        height=BAR_PIXELS * len(rows) + TOP_PIXELS,
        margin={"l": NAME_PIXELS, "r": 0, "t": 24, "b": 0},
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
            "showticklabels": False,
            "showgrid": False,
        },
        annotations=[_label(row, depth, span) for row, (depth, span) in enumerate(rows)],
    )
    return figure


def _merge_short(rows: Iterable[tuple[int, StoredSpan]], short: float) -> list[tuple[int, StoredSpan]]:
    """Merges consecutive short spans of one name into one row, from the start of the first to the end of the last."""
    merged: list[tuple[int, StoredSpan]] = []
    for (depth, name, is_short), group in groupby(rows, lambda row: (row[0], row[1].name, row[1].seconds <= short)):
        spans = [span for _, span in group]
        if is_short and len(spans) > 1:
            end = max(span.start + span.seconds for span in spans)
            failed = any(span.failed for span in spans)
            spans = [replace(spans[0], name=f"{name} ({len(spans)})", seconds=end - spans[0].start, failed=failed)]
        merged.extend((depth, span) for span in spans)
    return merged


def _label(row: int, depth: int, span: StoredSpan) -> dict[str, object]:
    """Returns the label of a row, indented by its depth; ticks of an axis would be aligned on the right."""
    return {
        "text": html.escape(span.name[:MAX_LETTERS]),
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "xshift": -NAME_PIXELS + INDENT_PIXELS * depth,
        "y": row,
        "showarrow": False,
    }


def _hover_text(span: StoredSpan) -> str:
    """Returns the hover text of a span. Plotly reads some HTML in it, so names and values are escaped."""
    attributes = sorted(span.attributes.items())[:MAX_ATTRIBUTES]
    lines = [f"{html.escape(key)}: {html.escape(text(value)[:80])}" for key, value in attributes]
    return "<br>".join([f"<b>{html.escape(span.name)}</b> {units.format_value(span.seconds, Unit.SECONDS)}", *lines])
