"""The page of drift reports: a window's verdict and scores, and the drift job's own page about it."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from dashboards.live.charts.axes import FONT
from dashboards.live.screens import panel_view
from dashboards.live.sources.drift_reports import ReportError, Reports, title_of
from dashboards.live.sources.queries import PageView
from dashboards.live.theme import Theme
from otel.contract.drift_verdict import Score, Verdict

ALL = "All windows"
PAGE_PIXELS = 1000
BAR_PIXELS = 24
STATES = {
    "stable": (
        ":green-badge[:material/check: stable]",
        "No column differs from the reference by more than its usual variation.",
    ),
    "suspected": (
        ":orange-badge[:material/help: suspected]",
        "A column is over its threshold, but not yet for enough windows.",
    ),
    "drift": (
        ":red-badge[:material/warning: drift]",
        "A column has been over its threshold for enough consecutive windows.",
    ),
    "insufficient_data": (":gray-badge[too few requests]", "There are too few requests to judge."),
    "no_reference": (
        ":gray-badge[no reference yet]",
        "There is no reference to compare with yet: the first one takes a day.",
    ),
}
OTHER = (
    ":orange-badge[reference unusable]",
    "The reference is not usable; `python -m drift calibrate` makes a new one.",
)


def show(reports: Reports, view: PageView) -> None:
    """Draws the selected window; by default the newest."""
    names = reports.windows()
    if not names:
        st.info(
            "The drift job has not judged a window yet. `make stack` runs it every hour; `make drift` judges all due "
            "windows now.",
            icon=":material/hourglass_empty:",
        )
        return
    selection = st.selectbox(
        "Window", [*names, ALL], format_func=lambda name: name if name == ALL else title_of(name), key="window"
    )
    window = None if selection == ALL else selection
    try:
        if window:
            _verdict(reports, window, view)
        _page(reports.page(window))
    except ReportError as error:
        st.warning(str(error), icon=":material/search_off:")
        return
    report = reports.evidently(window) if window else None
    if report:
        st.download_button(
            "Evidently's report of this window (HTML)",
            report,
            f"evidently-{window}.html",
            "text/html",
            on_click="ignore",
        )


def score_chart(scores: Sequence[Score], theme: Theme) -> go.Figure:
    """Returns a bar chart: each judged column's score divided by its threshold, highest on top, with a line at 1."""
    judged = [(score, score.ratio) for score in scores if score.ratio is not None]
    judged.sort(key=lambda pair: -pair[1])
    ordered, ratios = [score for score, _ in judged], [ratio for _, ratio in judged]
    colours = [theme.bad if s.detected else theme.doubtful if s.over else theme.good for s in ordered]
    figure = go.Figure(
        go.Bar(
            x=ratios,
            y=[score.column.replace("_", " ") for score in ordered],
            orientation="h",
            marker={"color": colours, "cornerradius": 3},
            text=[f"{ratio:.2f}" for ratio in ratios],
            textposition="outside",
            cliponaxis=False,
            width=0.68,
            hovertemplate="%{y}: %{x:.2f} of the threshold<extra></extra>",
        )
    )
    figure.add_vline(1.0, line={"color": theme.bad, "width": 1.4, "dash": "dash"})
    figure.update_layout(
        height=BAR_PIXELS * len(ordered) + 40,
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        font={"family": FONT, "size": 13, "color": theme.text},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        dragmode=False,
        showlegend=False,
        xaxis={
            "range": [0, max(1.2, max(ratios) * 1.12)],
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
            "tickvals": [1],
            "ticktext": ["threshold"],
            "tickfont": {"color": theme.bad},
        },
        yaxis={"autorange": "reversed", "fixedrange": True, "automargin": True, "showgrid": False},
    )
    return figure


def _verdict(reports: Reports, window: str, view: PageView) -> None:
    verdict = reports.verdict(window)
    badge, words = STATES.get(verdict.state, OTHER)
    st.markdown(f"{badge} {words} {verdict.rows:,} requests, {_period(verdict)}.")
    if any(score.ratio is not None for score in verdict.scores):
        with st.container(border=True, key="card-scores"):
            st.markdown("**Scores**", help="Score of each column, divided by its threshold: above 1 it is over.")
            st.plotly_chart(
                score_chart(verdict.scores, view.theme), theme=None, key="scores", config=panel_view.CHART_CONFIG
            )


def _period(verdict: Verdict) -> str:
    return f"{verdict.start:%H:%M} to {verdict.end:%H:%M} UTC"


def _page(page: str) -> None:
    """Shows the page in a frame with an origin of its own, so that it can't reach this page."""
    encoded = base64.b64encode(page.encode()).decode()
    st.iframe(f"data:text/html;charset=utf-8;base64,{encoded}", height=PAGE_PIXELS, alt="The drift job's page")
