"""A board as a page: rows of panels, refreshed every few seconds."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboards.layout import COLUMNS, lines
from dashboards.live.screens import panel_view
from dashboards.live.sources.queries import PageData, PageView, Sources
from dashboards.panel import Board, Row


def show(board: Board, sources: Sources, view: PageView) -> None:
    """Queries all panels at once, then draws row by row."""
    data = sources.query_page(board.panels, view)
    for problem in dict.fromkeys(map(str, data.problems)):
        st.caption(f":material/cloud_off: {problem} Annotations or exemplars are missing on the charts.")
    for row in board.rows:
        if row.title:
            st.subheader(row.title, anchor=False)
        _row(row, data, view, board.uid)


def _row(row: Row, data: PageData, view: PageView, page: str) -> None:
    numbers = [panel for panel in row.panels if panel.kind == "stat"]
    charts = replace(row, panels=tuple(panel for panel in row.panels if panel.kind != "stat"))
    if numbers:
        with st.container(horizontal=True, key=f"tiles-{len(numbers)}-{page}-{numbers[0].name}"):
            for panel in numbers:
                panel_view.tile(panel, data.panels[panel.name])
    for line in lines(charts):
        free_width = COLUMNS - sum(panel.width for panel in line)
        widths = [panel.width for panel in line]
        if free_width >= min(widths):  # else the last panel is widened
            widths.append(free_width)
        else:
            widths[-1] += free_width
        for panel, column in zip(line, st.columns(widths), strict=False):
            with column:
                panel_view.show(panel, data.panels[panel.name], data.events, view, page)
