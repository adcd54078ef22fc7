"""Panels and series to draw."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from dashboards.live.sources.prometheus import Series
from dashboards.panel import Kind, Panel, Query, Unit

UTC = ZoneInfo("UTC")
BEGIN = 1_800_000_000.0


def panel(kind: Kind, unit: Unit = Unit.SECONDS, **fields: Any) -> Panel:
    return Panel("a-panel", "A panel", "What it says.", kind, unit, (Query("up"),), **fields)


def series(name: str, *values: float, **labels: str) -> Series:
    return Series(name, labels, tuple(BEGIN + 10 * number for number in range(len(values))), values)
