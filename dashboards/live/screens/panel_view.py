"""One panel on the page: its title, its description, and its chart, number, table or text, or its error."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import streamlit as st

from dashboards.live import units
from dashboards.live.charts import figures
from dashboards.live.sources.annotation_query import AnnotationEvent
from dashboards.live.sources.prometheus import Series
from dashboards.live.sources.queries import PageView, PanelData
from dashboards.live.sources.spans import text
from dashboards.panel import Panel, Threshold, Unit
from otel.trace_store.store import SUMMARISED, TraceSummary

CHART_CONFIG = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "showTips": False}
"""Plotly's options for a chart without buttons."""
REQUESTS_PAGE = "requests-page"
"""The key of the page of slow requests in a session's state."""
NO_DATA = "No data in this time range."
SPARKLINE_POINTS = 40
"""The maximum number of points in a tile's sparkline."""


def show(panel: Panel, data: PanelData, events: Sequence[AnnotationEvent], view: PageView, page: str) -> None:
    """Draws a panel as a card; ``page`` makes its key unique."""
    with st.container(border=True, key=f"card-{page}-{panel.name}"):
        st.markdown(f"**{panel.title}**", help=panel.description if panel.kind != "text" else None)
        if panel.kind == "text":
            st.markdown(panel.description)
        elif data.error is not None:
            st.caption(f":material/cloud_off: {data.error}")
        elif panel.kind == "traces":
            _requests(panel, data.traces, view, page)
        elif _has_no_data(panel, data.series):
            st.caption(panel.empty or NO_DATA)
        elif panel.kind == "table":
            _table(panel, data.series)
        else:
            figure = figures.draw(
                panel,
                data.series,
                view.theme,
                view.zone,
                events=events,
                exemplars=data.exemplars,
                period=view.window.period,
            )
            st.plotly_chart(figure, theme=None, key=f"chart-{page}-{panel.name}", config=CHART_CONFIG)
            if panel.traces and REQUESTS_PAGE in st.session_state:
                query_params = {"panel": panel.name}
                st.page_link(
                    st.session_state[REQUESTS_PAGE], label=":small[Requests behind it]", query_params=query_params
                )


def tile(panel: Panel, data: PanelData) -> None:
    """Draws a number with a sparkline, and below it the threshold that it has crossed."""
    value = max((series.last for series in data.series), default=math.nan)
    threshold = crossed_threshold(panel.thresholds, value)
    trend = [value for value in data.trend[0].values if not math.isnan(value)][-SPARKLINE_POINTS:] if data.trend else []
    st.metric(
        panel.title,
        units.format_value(value, panel.unit, time.time()),
        delta=_threshold_text(threshold, panel.unit) if threshold else None,
        delta_color="gray" if not threshold else "red" if threshold.severity == "critical" else "orange",
        delta_arrow="off",
        help=str(data.error) if data.error else panel.description,
        border=True,
        chart_data=trend if len(trend) > 1 else None,
        chart_type="area",
    )


def crossed_threshold(thresholds: Sequence[Threshold], value: float) -> Threshold | None:
    """Returns the most severe threshold that the value has crossed."""
    crossed = [limit for limit in thresholds if (value < limit.value if limit.below else value >= limit.value)]
    return max(crossed, key=lambda limit: limit.severity == "critical", default=None)


def request_rows(requests: Sequence[TraceSummary], view: PageView) -> list[dict[str, Any]]:
    """Returns a table row for each request."""
    return [
        {
            "Start": units.format_time(request.started, view.zone),
            "Duration": units.format_value(request.seconds, Unit.SECONDS),
            **{_heading(name): text(request.attributes.get(name, "")) for name in SUMMARISED},
            "Trace": request.trace_id,
        }
        for request in requests
    ]


def _heading(attribute: str) -> str:
    return attribute.removeprefix("tts.").replace("_", " ").capitalize()


def _requests(panel: Panel, requests: Sequence[TraceSummary], view: PageView, page: str) -> None:
    if not requests:
        st.caption(panel.empty or NO_DATA)
        return
    st.dataframe(
        request_rows(requests, view), hide_index=True, key=f"found-{page}-{panel.name}", height=panel.height * 30 - 40
    )


def _table(panel: Panel, series: Sequence[Series]) -> None:
    ordered = sorted(series, key=lambda entry: -entry.last if not math.isnan(entry.last) else math.inf)
    st.dataframe(
        [
            {"Name": entry.name, panel.title: units.format_value(entry.last, panel.unit, time.time())}
            for entry in ordered
        ],
        hide_index=True,
    )


def _has_no_data(panel: Panel, series: Sequence[Series]) -> bool:
    """Returns whether there are no values, or only zeros in a panel that has a text for them."""
    return figures.is_empty(series) or (
        bool(panel.empty)
        and panel.kind in ("stacked", "bars")
        and not any(value > 0 for entry in series for value in entry.values)
    )


def _threshold_text(limit: Threshold, unit: Unit) -> str:
    return f"{'below' if limit.below else 'at least'} {units.format_value(limit.value, unit)}"
