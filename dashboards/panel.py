"""What a panel is, as data: what it asks, how it is drawn, and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from otel.trace_store.store import Conditions

Kind = Literal["lines", "stacked", "bars", "stat", "heatmap", "grid", "states", "table", "traces", "text"]
"""lines, stacked: over time; bars: the latest value of each series; stat: one number; heatmap: a histogram's buckets
over time; grid: a row of cells for each series over time, in their order, coloured by value; states: 0 or 1 over time;
table: series with their latest values; traces: requests that a search finds; text: no query, but the description, in
Markdown, in which {grafana_url} and the like stand for addresses (links.addressed puts them in)."""
INSTANT: frozenset[Kind] = frozenset({"bars", "stat", "table"})
"""Kinds that show the latest value alone."""
TIMELINES: frozenset[Kind] = frozenset({"lines", "stacked", "heatmap", "grid", "states"})
"""Kinds with an axis of time."""

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Unit(StrEnum):
    """How a value is written; the values are Grafana's own names of units."""

    NUMBER = "short"
    SECONDS = "s"
    BYTES = "bytes"
    PER_SECOND = "cps"
    REQUESTS_PER_SECOND = "reqps"
    SHARE = "percentunit"
    PERCENT = "percent"
    WATTS = "watt"
    CELSIUS = "celsius"
    TIME = "dateTimeFromNow"
    """Of milliseconds since 1970."""
    STATE = "bool"


@dataclass(frozen=True, slots=True)
class Query:
    """A question to Prometheus: PromQL with Grafana's variables ($__rate_interval, $__range and those of variables.py;
    variables.fill puts values in), and the name of each series, in which {label} stands for the label's value."""

    promql: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Search:
    """A search for requests in the trace store, of those that the variables of variables.py choose."""

    conditions: Conditions
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Threshold:
    """From ``value`` on the panel says so: a line in a chart, a colour of a number."""

    value: float
    severity: Literal["warning", "critical"]
    below: bool = False
    """The bad side is the lower one."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. ValueError if it is not whole.

    name: unique among all boards; custom views call it by this.
    traces: the search that finds the requests behind its numbers.
    empty: why it may have nothing to show of a healthy server that is in use; without it, no data is a fault.
    asked: the requirements that it answers, by their ids in docs/requirements.md.
    width: of 24 columns; height: in Grafana's rows of 30 pixels.
    """

    name: str
    title: str
    description: str
    kind: Kind
    unit: Unit
    ask: tuple[Query, ...] | Search | None
    thresholds: tuple[Threshold, ...] = ()
    traces: Search | None = None
    empty: str = ""
    asked: tuple[str, ...] = ()
    width: int = 8
    height: int = 8

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r}: a panel's name is made of words in small letters, joined by hyphens")
        if not self.title or not self.description:
            raise ValueError(f"{self.name}: a panel has a title and a description")
        if (self.kind == "traces") != isinstance(self.ask, Search) or (self.kind == "text") != (self.ask is None):
            raise ValueError(f"{self.name}: traces are searched, text asks nothing, all else asks Prometheus")
        if self.ask == ():
            raise ValueError(f"{self.name}: there is no query")
        if not 1 <= self.width <= 24:
            raise ValueError(f"{self.name}: a panel is 1 to 24 columns wide")

    @property
    def queries(self) -> tuple[Query, ...]:
        return self.ask if isinstance(self.ask, tuple) else ()


@dataclass(frozen=True, slots=True)
class Row:
    """Panels beside and below each other, under a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard: its uid is a part of its address and never changes."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)
