"""The slowest requests, and where the time of one went: from the trace store, without it from the server's memory."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboards.custom import PANELS
from dashboards.live import units
from dashboards.live.charts import waterfall
from dashboards.live.pages import panel_view
from dashboards.live.sources.client import SourceError
from dashboards.live.sources.queries import PageView, Sources
from dashboards.live.sources.spans import text
from dashboards.live.sources.traces import ENOUGH
from dashboards.panel import Panel, Unit
from otel.trace_store.store import StoredSpan, TraceSummary

SHOWN = 25
ROW_PIXELS = 35
TABLE_ROWS = 8


def show(sources: Sources, view: PageView) -> None:
    """The table, and below it the waterfall of the request that was chosen; of the slowest, if none was."""
    wanted = st.text_input(
        "Trace or request",
        key="trace",
        bind="query-params",
        placeholder="X-Trace-ID or X-Request-ID of a response",
        max_chars=36,
    ).strip()
    if wanted:
        _one(wanted, sources, view)
        return
    behind = PANELS.get(st.query_params.get("panel", ""))
    try:
        found, where = _behind(behind, sources, view) if behind and behind.traces else _slowest(sources, view)
    except SourceError as error:
        st.warning(f"{error} Traces come from {sources.traces.name} or the server.", icon=":material/cloud_off:")
        return
    if not found:
        st.info(f"{where} No such request has a trace. Traces of slow requests and of errors are always kept.")
        return
    st.subheader("Slowest requests", anchor=False)
    st.caption(f"{where} Select a row to draw its trace below.")
    event = st.dataframe(
        panel_view.found_rows(found, view),
        hide_index=True,
        key="slowest",
        on_select="rerun",
        selection_mode="single-row",
        height=ROW_PIXELS * (min(len(found), TABLE_ROWS) + 1) + 3,
    )
    chosen = [row for row in event["selection"]["rows"] if row < len(found)]
    _one(found[chosen[0] if chosen else 0].trace_id, sources, view)


def _behind(panel: Panel, sources: Sources, view: PageView) -> tuple[tuple[TraceSummary, ...], str]:
    """The slowest of those that a panel's own search finds, which is cut off as any search is."""
    assert panel.traces is not None  # noqa: S101 - for the type checker
    found = sources.traces.search(replace(panel.traces, limit=ENOUGH), view.window, view.chosen)
    slowest = sorted(found, key=lambda request: -request.seconds)[:SHOWN]
    return tuple(slowest), f"From {sources.traces.name}, behind the panel {panel.title}, for the selected time range."


def _slowest(sources: Sources, view: PageView) -> tuple[tuple[TraceSummary, ...], str]:
    try:
        found = sources.traces.slowest(view.window, view.chosen, SHOWN)
        return found, f"From {sources.traces.name}, for the selected time range."
    except SourceError as error:
        found = sources.server.slowest(SHOWN)
        return found, f"{error} These are the slowest requests in the server's memory."


def _one(identifier: str, sources: Sources, view: PageView) -> None:
    spans, problems = _spans(identifier, sources)
    if not spans:
        st.warning(" ".join(problems), icon=":material/search_off:")
        return
    st.subheader("Where the time went", anchor=False)
    begin, end = min(span.start for span in spans), max(span.start + span.seconds for span in spans)
    st.caption(f"`{identifier}`, {len(spans)} spans in {units.write(end - begin, Unit.SECONDS)}")
    with st.container(border=True, key="card-waterfall"):
        st.plotly_chart(waterfall.draw(spans, view.theme), theme=None, key="waterfall", config=panel_view.PLAIN)
    root = min(spans, key=lambda span: (bool(span.parent), span.start))
    with st.expander("Attributes of the request"):
        told = [{"Attribute": key, "Value": text(value)} for key, value in sorted(root.attributes.items())]
        st.dataframe(told, hide_index=True)


def _spans(identifier: str, sources: Sources) -> tuple[tuple[StoredSpan, ...], list[str]]:
    """From whoever has it, the trace store first; else what each of them says."""
    problems = []
    for ask in (sources.traces.trace, sources.server.trace):
        try:
            return ask(identifier), []
        except SourceError as error:
            problems.append(str(error))
    return (), problems
