"""The page of the slowest requests and the waterfall of one, from the trace store or from the server's memory."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboards.custom import PANELS
from dashboards.live import units
from dashboards.live.charts import waterfall
from dashboards.live.screens import panel_view
from dashboards.live.sources.client import SourceError
from dashboards.live.sources.queries import PageView, Sources
from dashboards.live.sources.spans import text
from dashboards.live.sources.traces import SEARCH_LIMIT
from dashboards.panel import Panel, Unit
from otel.trace_store.store import StoredSpan, TraceSummary

MAX_REQUESTS = 25
ROW_PIXELS = 35
TABLE_ROWS = 8


def show(sources: Sources, view: PageView) -> None:
    """Draws the table, and below it the waterfall of the selected request; of the slowest one if none is selected."""
    identifier = st.text_input(
        "Trace or request",
        key="trace",
        bind="query-params",
        placeholder="X-Trace-ID or X-Request-ID of a response",
        max_chars=36,
    ).strip()
    if identifier:
        _show_trace(identifier, sources, view)
        return
    panel = PANELS.get(st.query_params.get("panel", ""))
    try:
        requests, origin = (
            _panel_requests(panel, sources, view) if panel and panel.traces else _slowest_requests(sources, view)
        )
    except SourceError as error:
        st.warning(f"{error} Traces come from {sources.traces.name} or the server.", icon=":material/cloud_off:")
        return
    if not requests:
        st.info(f"{origin} No such request has a trace. Traces of slow requests and of errors are always kept.")
        return
    st.subheader("Slowest requests", anchor=False)
    st.caption(f"{origin} Select a row to draw its trace below.")
    event = st.dataframe(
        panel_view.request_rows(requests, view),
        hide_index=True,
        key="slowest",
        on_select="rerun",
        selection_mode="single-row",
        height=ROW_PIXELS * (min(len(requests), TABLE_ROWS) + 1) + 3,
    )
    selected_rows = [row for row in event["selection"]["rows"] if row < len(requests)]
    _show_trace(requests[selected_rows[0] if selected_rows else 0].trace_id, sources, view)


def _panel_requests(panel: Panel, sources: Sources, view: PageView) -> tuple[tuple[TraceSummary, ...], str]:
    """Returns the slowest results of a panel's own search, and their origin as text; the search has a limit."""
    assert panel.traces is not None  # noqa: S101 - for the type checker
    requests = sources.traces.search(replace(panel.traces, limit=SEARCH_LIMIT), view.window, view.variables)
    slowest = sorted(requests, key=lambda request: -request.seconds)[:MAX_REQUESTS]
    return tuple(slowest), f"From {sources.traces.name}, behind the panel {panel.title}, for the selected time range."


def _slowest_requests(sources: Sources, view: PageView) -> tuple[tuple[TraceSummary, ...], str]:
    try:
        requests = sources.traces.slowest(view.window, view.variables, MAX_REQUESTS)
        return requests, f"From {sources.traces.name}, for the selected time range."
    except SourceError as error:
        requests = sources.server.slowest(MAX_REQUESTS)
        return requests, f"{error} These are the slowest requests in the server's memory."


def _show_trace(identifier: str, sources: Sources, view: PageView) -> None:
    spans, problems = _spans(identifier, sources)
    if not spans:
        st.warning(" ".join(problems), icon=":material/search_off:")
        return
    st.subheader("Where the time went", anchor=False)
    begin, end = min(span.start for span in spans), max(span.start + span.seconds for span in spans)
    st.caption(f"`{identifier}`, {len(spans)} spans in {units.format_value(end - begin, Unit.SECONDS)}")
    with st.container(border=True, key="card-waterfall"):
        st.plotly_chart(waterfall.draw(spans, view.theme), theme=None, key="waterfall", config=panel_view.CHART_CONFIG)
    root = min(spans, key=lambda span: (bool(span.parent), span.start))
    with st.expander("Attributes of the request"):
        rows = [{"Attribute": key, "Value": text(value)} for key, value in sorted(root.attributes.items())]
        st.dataframe(rows, hide_index=True)


def _spans(identifier: str, sources: Sources) -> tuple[tuple[StoredSpan, ...], list[str]]:
    """Returns the spans from the trace store or from the server, or the errors of both."""
    problems = []
    for trace in (sources.traces.trace, sources.server.trace):
        try:
            return trace(identifier), []
        except SourceError as error:
            problems.append(str(error))
    return (), problems
