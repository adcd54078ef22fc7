"""A board as a page: rows of panels, filled anew every few seconds."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from dashboards.layout import COLUMNS, lines
from dashboards.live.pages import panel_view
from dashboards.live.sources.queries import PageData, PageView, Sources
from dashboards.panel import Board, Row


def show(board: Board, sources: Sources, view: PageView) -> None:
    """Asks for all panels at once, then draws row by row."""
    gathered = sources.ask(board.panels, view)
    for problem in dict.fromkeys(map(str, gathered.problems)):
        st.caption(f":material/cloud_off: {problem} Annotations or exemplars are missing on the charts.")
    for row in board.rows:
        if row.title:
            st.subheader(row.title, anchor=False)
        _row(row, gathered, view, board.uid)


def _row(row: Row, gathered: PageData, view: PageView, page: str) -> None:
    numbers = [panel for panel in row.panels if panel.kind == "stat"]
    rest = replace(row, panels=tuple(panel for panel in row.panels if panel.kind != "stat"))
    if numbers:
        with st.container(horizontal=True, key=f"tiles-{len(numbers)}-{page}-{numbers[0].name}"):
            for panel in numbers:
                panel_view.tile(panel, gathered.answers[panel.name])
    for line in lines(rest):
        left = COLUMNS - sum(panel.width for panel in line)
        widths = [panel.width for panel in line]
        if left >= min(widths):  # else the last one takes what is left
            widths.append(left)
        else:
            widths[-1] += left
        for panel, column in zip(line, st.columns(widths), strict=False):
            with column:
                panel_view.show(panel, gathered.answers[panel.name], gathered.marks, view, page)
