"""Panels and series to draw."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
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


def native(*counts: Mapping[int, float]) -> Series:
    """A native histogram of scale 4: the readings in the bucket up to 2 ** (index / 16), by index, at each time."""
    histograms = tuple({(2 ** ((i - 1) / 16), 2 ** (i / 16)): count for i, count in each.items()} for each in counts)
    numbers = series("value", *(float(sum(each.values())) for each in counts))
    return replace(numbers, histograms=histograms)
