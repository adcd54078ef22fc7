"""The whole site: its pages, what is chosen above them, whether its sources answer, and how often it asks again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import streamlit as st

from dashboards.boards import BOARDS
from dashboards.custom import ViewError
from dashboards.custom import load as load_views
from dashboards.links import addressed
from dashboards.live.charts.overlay import PATH
from dashboards.live.pages import board, current_state, drift_page, panel_view, requests_page
from dashboards.live.pages.overview import OVERVIEW
from dashboards.live.period import PERIODS, USUAL, Window
from dashboards.live.settings import load
from dashboards.live.sources.client import SourceError, SourceMissing
from dashboards.live.sources.drift_reports import Reports
from dashboards.live.sources.prometheus import regex
from dashboards.live.sources.queries import PageView, Sources, SourceStatus
from dashboards.live.theme import named
from dashboards.panel import Board
from dashboards.variables import VARIABLES
from otel.support import addresses
from otel.support.addresses import PublicAddresses

FOLDER = Path(__file__).parent
STYLE = FOLDER / "style.css"
ICONS = {
    OVERVIEW.uid: "monitoring",
    "ttscope-service": "speed",
    "ttscope-words": "text_fields",
    "ttscope-engine": "memory",
    "ttscope-quality": "verified",
    "ttscope-usage": "group",
    "ttscope-pipeline": "route",
}
START = "`make stack` (or `docker compose up`) starts the whole pipeline."

log = logging.getLogger("ttscope.dashboards.live")


def serve() -> None:
    """Draws the page that is asked for."""
    st.set_page_config(page_title="ttscope", page_icon=str(FOLDER / "icon.svg"), layout="wide")
    st.logo(FOLDER / "logo.svg", size="large")
    st.html(STYLE)
    theme = named(st.context.theme.type)
    st.html(f"<style>:root {{ --card: {theme.card}; --page: {theme.page} }}</style>")
    sources = _sources()
    requests = st.Page(
        lambda: _closer("Slow requests", sources, lambda view: requests_page.show(sources, view)),
        title="Slow requests",
        icon=":material/timeline:",
        url_path=PATH,
    )
    st.session_state[panel_view.REQUESTS] = requests
    own, problems = _own_views(sources)
    pages = {
        "Boards": [_page(entry, sources) for entry in (OVERVIEW, *BOARDS)],
        "Details": [
            requests,
            st.Page(
                lambda: _closer(
                    "Drift reports", sources, lambda view: drift_page.show(Reports(sources.settings.drift_dir), view)
                ),
                title="Drift reports",
                icon=":material/difference:",
                url_path="drift",
            ),
        ],
    }
    if own:
        pages["Custom views"] = [_page(entry, sources) for entry in own]
    page = st.navigation(pages)
    for problem in problems:
        st.sidebar.warning(problem, icon=":material/edit_note:")
    page.run()


@st.cache_resource(show_spinner=False)
def _sources() -> Sources:
    """One set for all who look."""
    return Sources.of(load())


@st.cache_resource(show_spinner=False)
def _addresses() -> PublicAddresses:
    return addresses.load()


def _own_views(sources: Sources) -> tuple[tuple[Board, ...], list[str]]:
    """The boards, or what is wrong with their files: they are read anew at each click, so that one can work at them."""
    try:
        return load_views(sources.settings.views), []
    except ViewError as error:
        return (), error.problems


def _page(shown: Board, sources: Sources) -> st.Page:
    def draw() -> None:
        _head(shown.title, shown.description)
        _refreshed(sources, lambda: _board(addressed(shown, _addresses()), sources))

    path = shown.uid.removeprefix("ttscope-")
    icon = f":material/{ICONS.get(shown.uid, 'dashboard')}:"
    return st.Page(draw, title=shown.title, icon=icon, url_path=path, default=shown is OVERVIEW)


def _closer(title: str, sources: Sources, draw: Callable[[PageView], None]) -> None:
    """A page that is not drawn anew by itself: somebody is reading it."""
    _head(title, "")
    _choices(sources)
    states = sources.states()
    _lights(states)
    draw(_view())


def _head(title: str, description: str) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        st.title(title, anchor=False)
        if description:
            st.caption(description)
    with right:
        st.segmented_control(
            "Period",
            list(PERIODS),
            default=USUAL,
            required=True,
            key="period",
            bind="query-params",
            label_visibility="collapsed",
            width="stretch",
        )


def _refreshed(sources: Sources, draw: Callable[[], None]) -> None:
    """The body, now and every few seconds from now on."""
    _choices(sources)
    st.fragment(draw, run_every=sources.settings.refresh_seconds)()


def _board(shown: Board, sources: Sources) -> None:
    states = sources.states()
    problem = next(state.problem for state in states if state.name == "Prometheus")
    _lights(states)
    if problem is None:
        _told([state for state in states if state.name == "Server"])
        board.show(shown, sources, _view())
        return
    words = "No Prometheus is configured" if isinstance(problem, SourceMissing) else str(problem).removesuffix(".")
    st.warning(f"{words}. Without it there are no charts over time. {START}", icon=":material/cloud_off:")
    try:
        current_state.show(sources.server.summary())
    except SourceError as error:
        st.error(f"{error} There is no data to show. {START}", icon=":material/power_off:")


def _told(states: Sequence[SourceStatus]) -> None:
    """Above the charts: what does not answer."""
    for state in states:
        if state.problem is not None and not isinstance(state.problem, SourceMissing):
            st.warning(f"{state.problem} The charts show the data that Prometheus has.", icon=":material/power_off:")


def _lights(states: Sequence[SourceStatus]) -> None:
    """Who answers, in colours and in words."""
    lights = []
    for state in states:
        if state.problem is None:
            lights.append(f":green-badge[:material/check: {state.name}]")
        elif isinstance(state.problem, SourceMissing):
            lights.append(f":gray-badge[{state.name}: not configured]")
        else:
            lights.append(f":red-badge[:material/close: {state.name} is down]")
    st.markdown(f"{' '.join(lights)} :small[:gray[{time.strftime('%H:%M:%S UTC', time.gmtime())}]]")


def _choices(sources: Sources) -> None:
    """The boards' variables, of those that have more than one value."""
    window = Window.until(time.time(), PERIODS[_period()])
    for variable in VARIABLES:
        try:
            values = sources.prometheus.label_values(variable, window)
        except SourceError:
            return
        kept = st.session_state.get(f"var-{variable.name}", [])
        if len(values) > 1 or kept:
            st.sidebar.multiselect(
                variable.title, sorted({*values, *kept}), key=f"var-{variable.name}", placeholder="all"
            )


def _period() -> str:
    kept = st.session_state.get("period", USUAL)
    return kept if kept in PERIODS else USUAL


def _view() -> PageView:
    chosen = {
        variable.name: regex(values)
        for variable in VARIABLES
        if (values := st.session_state.get(f"var-{variable.name}"))
    }
    window = Window.until(time.time(), PERIODS[_period()])
    return PageView(window, chosen, named(st.context.theme.type), _zone())


def _zone() -> ZoneInfo:
    """The viewer's."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
