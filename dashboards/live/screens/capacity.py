"""The page on capacity: the load that the servers take, and how many of them are needed for more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from dashboards.boards.engine import FORECAST, QUEUE_SECONDS, UTILIZED, WORK_BY_STAGE
from dashboards.boards.scaling import SCALING
from dashboards.boards.service import ERROR_RATIO, REQUEST_RATE
from dashboards.boards.system import CPU
from dashboards.boards.usage import AUDIO_RATE
from dashboards.live import units
from dashboards.live.charts.axes import FONT
from dashboards.live.screens import panel_view
from dashboards.live.screens.overview import FIRST_AUDIO
from dashboards.live.sources.drift_reports import ReportError, Reports
from dashboards.live.theme import Theme
from dashboards.panel import Board, Panel, Row, Unit
from otel.contract.capacity_forecast import CapacityForecast, ServerCount

CHART_PIXELS = 300
COMMAND = "python -m bench.capacity --events var/stack/collector/events --output var/drift/capacity.json"
HELP = (
    "p95 of the time to first audio by the number of servers, simulated with the server's own scheduler and admission "
    "on recorded traffic. Below the line the target is met."
)


def _third(panel: Panel) -> Panel:
    return replace(panel, width=8, height=8)


CAPACITY = Board(
    "ttscope-capacity",
    "Capacity",
    "What load do the servers take, and how many are needed for more?",
    (
        Row("Load", tuple(map(_third, (REQUEST_RATE, AUDIO_RATE, ERROR_RATIO)))),
        Row("Headroom", tuple(map(_third, (UTILIZED, WORK_BY_STAGE, CPU, FORECAST, QUEUE_SECONDS, FIRST_AUDIO)))),
        replace(SCALING, panels=tuple(map(_third, SCALING.panels))),
    ),
)


def show(reports: Reports, theme: Theme) -> None:
    """Draws the newest forecast of the servers that are needed."""
    st.subheader("Servers that are needed", anchor=False)
    try:
        forecast = reports.capacity()
    except ReportError as error:
        st.warning(str(error), icon=":material/search_off:")
        return
    if forecast is None:
        st.caption(f"There is no forecast yet. `{COMMAND}` makes one from recorded traffic.")
        return
    st.markdown(answer(forecast))
    st.caption(origin(forecast))
    with st.container(border=True, key="card-capacity-servers"):
        st.markdown("**First audio p95 by servers**", help=HELP)
        figure = servers_chart(forecast, theme)
        st.plotly_chart(figure, theme=None, key="capacity-servers", config=panel_view.CHART_CONFIG)
    with st.container(border=True, key="card-capacity-table"):
        st.markdown("**Simulated numbers of servers**")
        st.dataframe([count_row(count) for count in forecast.counts], hide_index=True)
    if forecast.loss is not None:
        loss = forecast.loss
        follows = f"{loss.next_provider} follows" if loss.next_provider else "none follows"
        with st.container(border=True, key="card-capacity-loss"):
            st.markdown(f"**Every server loses its first provider**: {follows}; {loss.fallbacks} requests fell back.")
            rows = [("before", loss.before), ("after", loss.after)]
            st.dataframe([{"": name, **count_row(count)} for name, count in rows], hide_index=True)


def answer(forecast: CapacityForecast) -> str:
    """Returns the number of servers as a sentence."""
    needs = f"{forecast.factor:g} times the recorded traffic with a p95 of first audio of at most {forecast.target:g} s"
    error = f"{forecast.error:.0%}"
    if forecast.least is None:
        return f"No number of servers is enough for {needs}: a single request takes longer."
    if forecast.least_with_error is None:
        return f"**{forecast.least}** servers take {needs}. No number leaves room for the forecast's error of {error}."
    return f"**{forecast.least}** servers take {needs}; with room for the forecast's error of {error}: " + (
        f"**{forecast.least_with_error}**."
    )


def origin(forecast: CapacityForecast) -> str:
    """Returns what the forecast was made of."""
    servers = "1 server" if forecast.servers_today == 1 else f"{forecast.servers_today} servers"
    return (
        f"Made {forecast.made:%-d %b %Y, %H:%M} UTC from {forecast.requests:,} requests to {servers} in "
        f"{forecast.minutes:g} minutes from {forecast.first_arrival:%-d %b %Y, %H:%M} UTC on."
    )


def servers_chart(forecast: CapacityForecast, theme: Theme) -> go.Figure:
    """Returns the p95 of first audio by the number of servers, with the target as a line."""
    known = [(count, count.first_audio_p95) for count in forecast.counts if count.first_audio_p95 is not None]
    top = max([forecast.target, *(seconds for _, seconds in known)]) * 1.15
    places, texts = units.ticks(Unit.SECONDS, top)
    figure = go.Figure(
        go.Bar(
            x=[str(count.servers) for count, _ in known],
            y=[seconds for _, seconds in known],
            marker={"color": [theme.good if count.enough else theme.bad for count, _ in known], "cornerradius": 3},
            text=[units.format_value(seconds, Unit.SECONDS) for _, seconds in known],
            textposition="outside",
            cliponaxis=False,
            width=0.5,
            hovertemplate="%{x} servers: %{text}<extra></extra>",
        )
    )
    figure.add_hline(forecast.target, line={"color": theme.text, "width": 1.4, "dash": "dash"})
    figure.update_layout(
        height=CHART_PIXELS,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        font={"family": FONT, "size": 13, "color": theme.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        showlegend=False,
        xaxis={"type": "category", "title": "servers", "fixedrange": True, "showgrid": False, "automargin": True},
        yaxis={
            "range": [0, top],
            "tickvals": places,
            "ticktext": texts,
            "fixedrange": True,
            "automargin": True,
            "gridcolor": theme.line,
        },
    )
    return figure


def count_row(count: ServerCount) -> dict[str, Any]:
    """Returns a row of the table."""
    return {
        "Servers": count.servers,
        "Engines used": units.format_value(count.used_share, Unit.SHARE),
        "First audio p50": _seconds(count.first_audio_p50),
        "First audio p95": _seconds(count.first_audio_p95),
        "Total p95": _seconds(count.total_p95),
        "Refused": units.format_value(count.refused_share, Unit.SHARE),
        "Enough": "yes" if count.enough else "no",
    }


def _seconds(value: float | None) -> str:
    return units.NO_VALUE if value is None else units.format_value(value, Unit.SECONDS)
