"""The site: its pages, the period and the variables of the viewer, the status of the sources, and the refresh."""

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
from dashboards.live.charts.overlay import REQUESTS_PATH
from dashboards.live.period import DEFAULT_PERIOD, PERIODS, Window
from dashboards.live.screens import board, capacity, current_state, drift_page, panel_view, requests_page
from dashboards.live.screens.capacity import CAPACITY
from dashboards.live.screens.overview import OVERVIEW
from dashboards.live.settings import load
from dashboards.live.sources.client import SourceError, SourceMissing
from dashboards.live.sources.drift_reports import Reports
from dashboards.live.sources.prometheus import regex_of
from dashboards.live.sources.queries import PageView, Sources, SourceStatus
from dashboards.live.theme import theme_named
from dashboards.panel import Board
from dashboards.variables import VARIABLES
from otel.support import addresses
from otel.support.addresses import PublicAddresses

FOLDER = Path(__file__).parent
STYLE = FOLDER / "style.css"
BOARD_PAGES = (OVERVIEW, *BOARDS, CAPACITY)
"""The boards that have a page; custom views come after them."""
ICONS = {
    OVERVIEW.uid: "monitoring",
    "ttscope-service": "speed",
    "ttscope-words": "text_fields",
    "ttscope-engine": "memory",
    "ttscope-quality": "verified",
    "ttscope-usage": "group",
    "ttscope-cost": "payments",
    "ttscope-pipeline": "route",
    "ttscope-prediction": "query_stats",
    CAPACITY.uid: "stacked_line_chart",
    "ttscope-security": "shield",
}
START = "`make stack` (or `docker compose up`) starts the whole pipeline."

log = logging.getLogger("ttscope.dashboards.live")


def serve() -> None:
    """Draws the page that the browser requests."""
    st.set_page_config(page_title="ttscope", page_icon=str(FOLDER / "icon.svg"), layout="wide")
    st.logo(FOLDER / "logo.svg", size="large")
    st.html(STYLE)
    theme = theme_named(st.context.theme.type)
    st.html(f"<style>:root {{ --card: {theme.card}; --page: {theme.page} }}</style>")
    sources = _sources()
    reports = Reports(sources.settings.drift_dir)
    below = {CAPACITY.uid: lambda: capacity.show(reports, theme)}
    requests = st.Page(
        lambda: _details_page("Slow requests", sources, lambda view: requests_page.show(sources, view)),
        title="Slow requests",
        icon=":material/timeline:",
        url_path=REQUESTS_PATH,
    )
    st.session_state[panel_view.REQUESTS_PAGE] = requests
    custom, problems = _custom_views(sources)
    pages = {
        "Boards": [_page(entry, sources, below.get(entry.uid)) for entry in BOARD_PAGES],
        "Details": [
            requests,
            st.Page(
                lambda: _details_page("Drift reports", sources, lambda view: drift_page.show(reports, view)),
                title="Drift reports",
                icon=":material/difference:",
                url_path="drift",
            ),
        ],
    }
    if custom:
        pages["Custom views"] = [_page(entry, sources) for entry in custom]
    page = st.navigation(pages)
    for problem in problems:
        st.sidebar.warning(problem, icon=":material/edit_note:")
    page.run()


@st.cache_resource(show_spinner=False)
def _sources() -> Sources:
    """Returns the sources, which all viewers share."""
    return Sources.from_settings(load())


@st.cache_resource(show_spinner=False)
def _addresses() -> PublicAddresses:
    return addresses.load()


def _custom_views(sources: Sources) -> tuple[tuple[Board, ...], list[str]]:
    """Returns the boards of custom views, or the errors in their files; reads the files again at each click."""
    try:
        return load_views(sources.settings.views), []
    except ViewError as error:
        return (), error.problems


def path_of(definition: Board) -> str:
    """Returns the path of a board's page; that of the first page is the root as well."""
    return definition.uid.removeprefix("ttscope-")


def _page(definition: Board, sources: Sources, below: Callable[[], None] | None = None) -> st.Page:
    """Returns a board's page; ``below`` draws what stands below the board and is not refreshed."""

    def draw() -> None:
        _page_header(definition.title, definition.description)
        _refreshing(sources, lambda: _board(addressed(definition, _addresses()), sources))
        if below is not None:
            below()

    icon = f":material/{ICONS.get(definition.uid, 'dashboard')}:"
    return st.Page(
        draw, title=definition.title, icon=icon, url_path=path_of(definition), default=definition is OVERVIEW
    )


def _details_page(title: str, sources: Sources, draw: Callable[[PageView], None]) -> None:
    """Draws a page without automatic refresh, because somebody reads it."""
    _page_header(title, "")
    _variable_inputs(sources)
    statuses = sources.statuses()
    _status_badges(statuses)
    draw(_view())


def _page_header(title: str, description: str) -> None:
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        st.title(title, anchor=False)
        if description:
            st.caption(description)
    with right:
        st.segmented_control(
            "Period",
            list(PERIODS),
            default=DEFAULT_PERIOD,
            required=True,
            key="period",
            bind="query-params",
            label_visibility="collapsed",
            width="stretch",
        )


def _refreshing(sources: Sources, draw: Callable[[], None]) -> None:
    """Draws the body now, and again every ``refresh_seconds``."""
    _variable_inputs(sources)
    st.fragment(draw, run_every=sources.settings.refresh_seconds)()


def _board(definition: Board, sources: Sources) -> None:
    statuses = sources.statuses()
    problem = next(status.problem for status in statuses if status.name == "Prometheus")
    _status_badges(statuses)
    if problem is None:
        _warnings([status for status in statuses if status.name == "Server"])
        board.show(definition, sources, _view())
        return
    words = "No Prometheus is configured" if isinstance(problem, SourceMissing) else str(problem).removesuffix(".")
    st.warning(f"{words}. Without it there are no charts over time. {START}", icon=":material/cloud_off:")
    try:
        current_state.show(sources.server.summary())
    except SourceError as error:
        st.error(f"{error} There is no data to show. {START}", icon=":material/power_off:")


def _warnings(statuses: Sequence[SourceStatus]) -> None:
    """Draws a warning for each source that does not answer."""
    for status in statuses:
        if status.problem is not None and not isinstance(status.problem, SourceMissing):
            st.warning(f"{status.problem} The charts show the data that Prometheus has.", icon=":material/power_off:")


def _status_badges(statuses: Sequence[SourceStatus]) -> None:
    """Draws the status of each source as a badge."""
    badges = []
    for status in statuses:
        if status.problem is None:
            badges.append(f":green-badge[:material/check: {status.name}]")
        elif isinstance(status.problem, SourceMissing):
            badges.append(f":gray-badge[{status.name}: not configured]")
        else:
            badges.append(f":red-badge[:material/close: {status.name} is down]")
    st.markdown(f"{' '.join(badges)} :small[:gray[{time.strftime('%H:%M:%S UTC', time.gmtime())}]]")


def _variable_inputs(sources: Sources) -> None:
    """Draws an input for each of the boards' variables that has more than one value."""
    window = Window.until(time.time(), PERIODS[_period()])
    for variable in VARIABLES:
        try:
            values = sources.prometheus.label_values(variable, window)
        except SourceError:
            return
        selected = st.session_state.get(f"var-{variable.name}", [])
        if len(values) > 1 or selected:
            st.sidebar.multiselect(
                variable.title, sorted({*values, *selected}), key=f"var-{variable.name}", placeholder="all"
            )


def _period() -> str:
    period = st.session_state.get("period", DEFAULT_PERIOD)
    return period if period in PERIODS else DEFAULT_PERIOD


def _view() -> PageView:
    variables = {
        variable.name: regex_of(values)
        for variable in VARIABLES
        if (values := st.session_state.get(f"var-{variable.name}"))
    }
    window = Window.until(time.time(), PERIODS[_period()])
    return PageView(window, variables, theme_named(st.context.theme.type), _zone())


def _zone() -> ZoneInfo:
    """Returns the viewer's time zone."""
    try:
        return ZoneInfo(st.context.timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
