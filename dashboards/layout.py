"""Places panels from left to right in lines of 24 columns, under the headings of their rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dashboards.panel import Board, Panel, Row

COLUMNS = 24
HEADING = 1
"""The height of a row's heading."""


@dataclass(frozen=True, slots=True)
class Place:
    """A position, from the top left corner, and a size in Grafana's grid."""

    x: int
    y: int
    width: int
    height: int


def place(board: Board) -> Iterator[tuple[Row | Panel, Place]]:
    """Yields every heading and panel of a board, in order, with its place."""
    y = 0
    for row in board.rows:
        yield row, Place(0, y, COLUMNS, HEADING)
        y += HEADING
        for line in lines(row):
            x = 0
            for panel in line:
                yield panel, Place(x, y, panel.width, panel.height)
                x += panel.width
            y += max(panel.height for panel in line)


def lines(row: Row) -> Iterator[list[Panel]]:
    """Yields the lines of a row; a panel that does not fit begins the next line."""
    line: list[Panel] = []
    for panel in row.panels:
        if line and sum(other.width for other in line) + panel.width > COLUMNS:
            yield line
            line = []
        line.append(panel)
    if line:
        yield line
