"""The dashboards, one a module; BOARDS is all of them."""

from __future__ import annotations

from dashboards.boards.service import SERVICE
from dashboards.panel import Board

BOARDS: tuple[Board, ...] = (SERVICE,)
