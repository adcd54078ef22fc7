"""One panel on the page: its title, what it means, and its chart, number, table or words; or why it has none."""

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

PLAIN = {"displayModeBar": False, "responsive": True, "scrollZoom": False, "showTips": False}
"""Of a chart: no buttons."""
REQUESTS = "requests-page"
"""Where a session keeps the page of slow requests."""
NO_DATA = "No data in this time range."
BRIEF = 40
"""Points of a number's small chart."""


def show(panel: Panel, answer: PanelData, marks: Sequence[AnnotationEvent], view: PageView, page: str) -> None:
    """A card; ``page`` makes its key one of its own."""
    with st.container(border=True, key=f"card-{page}-{panel.name}"):
        st.markdown(f"**{panel.title}**", help=panel.description if panel.kind != "text" else None)
        if panel.kind == "text":
            st.markdown(panel.description)
        elif answer.error is not None:
            st.caption(f":material/cloud_off: {answer.error}")
        elif panel.kind == "traces":
            _requests(panel, answer.found, view, page)
        elif _says_nothing(panel, answer.series):
            st.caption(panel.empty or NO_DATA)
        elif panel.kind == "table":
            _table(panel, answer.series)
        else:
            figure = figures.draw(
                panel,
                answer.series,
                view.theme,
                view.zone,
                marks=marks,
                exemplars=answer.exemplars,
                period=view.window.period,
            )
            st.plotly_chart(figure, theme=None, key=f"chart-{page}-{panel.name}", config=PLAIN)
            if panel.traces and REQUESTS in st.session_state:
                behind = {"panel": panel.name}
                st.page_link(st.session_state[REQUESTS], label=":small[Requests behind it]", query_params=behind)


def tile(panel: Panel, answer: PanelData) -> None:
    """A number with its small history; what its thresholds say of it stands below in words."""
    value = max((series.last for series in answer.series), default=math.nan)
    told = judged(panel.thresholds, value)
    trend = [value for value in answer.trend[0].values if not math.isnan(value)][-BRIEF:] if answer.trend else []
    st.metric(
        panel.title,
        units.write(value, panel.unit, time.time()),
        delta=_words(told, panel.unit) if told else None,
        delta_color="gray" if not told else "red" if told.severity == "critical" else "orange",
        delta_arrow="off",
        help=str(answer.error) if answer.error else panel.description,
        border=True,
        chart_data=trend if len(trend) > 1 else None,
        chart_type="area",
    )


def judged(thresholds: Sequence[Threshold], value: float) -> Threshold | None:
    """The worst threshold that the value has crossed."""
    crossed = [limit for limit in thresholds if (value < limit.value if limit.below else value >= limit.value)]
    return max(crossed, key=lambda limit: limit.severity == "critical", default=None)


def found_rows(found: Sequence[TraceSummary], view: PageView) -> list[dict[str, Any]]:
    """Requests as the rows of a table."""
    return [
        {
            "Start": figures.shown_at(request.started, view.zone),
            "Duration": units.write(request.seconds, Unit.SECONDS),
            **{_heading(name): text(request.attributes.get(name, "")) for name in SUMMARISED},
            "Trace": request.trace_id,
        }
        for request in found
    ]


def _heading(attribute: str) -> str:
    return attribute.removeprefix("tts.").replace("_", " ").capitalize()


def _requests(panel: Panel, found: Sequence[TraceSummary], view: PageView, page: str) -> None:
    if not found:
        st.caption(panel.empty or NO_DATA)
        return
    st.dataframe(
        found_rows(found, view), hide_index=True, key=f"found-{page}-{panel.name}", height=panel.height * 30 - 40
    )


def _table(panel: Panel, series: Sequence[Series]) -> None:
    shown = sorted(series, key=lambda entry: -entry.last if not math.isnan(entry.last) else math.inf)
    st.dataframe(
        [{"Name": entry.name, panel.title: units.write(entry.last, panel.unit, time.time())} for entry in shown],
        hide_index=True,
    )


def _says_nothing(panel: Panel, series: Sequence[Series]) -> bool:
    """Nothing at all; or only zeros, where the panel says what that means."""
    return figures.is_empty(series) or (
        bool(panel.empty)
        and panel.kind in ("stacked", "bars")
        and not any(value > 0 for entry in series for value in entry.values)
    )


def _words(limit: Threshold, unit: Unit) -> str:
    return f"{'below' if limit.below else 'at least'} {units.write(limit.value, unit)}"
