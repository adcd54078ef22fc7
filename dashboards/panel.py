"""The data of a panel: its queries, how it is drawn and what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from otel.trace_store.store import Conditions

Kind = Literal["lines", "stacked", "bars", "stat", "heatmap", "grid", "states", "table", "traces", "text"]
"""lines, stacked: over time; bars: the latest value of each series; stat: one number; heatmap: a histogram's buckets
over time; grid: a row of cells for each series over time, in their order, coloured by value; states: 0 or 1 over time;
table: series with their latest values; traces: requests that a search returns; text: no query, but the description, in
Markdown, in which {grafana_url} and the like stand for addresses (links.addressed replaces them)."""
INSTANT: frozenset[Kind] = frozenset({"bars", "stat", "table"})
"""Kinds that show only the latest value."""
TIMELINES: frozenset[Kind] = frozenset({"lines", "stacked", "heatmap", "grid", "states"})
"""Kinds with a time axis."""

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


class Unit(StrEnum):
    """The format of a value; the members' values are Grafana's names of units."""

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
    """A time in milliseconds since 1970."""
    STATE = "bool"


@dataclass(frozen=True, slots=True)
class Query:
    """A query to Prometheus: PromQL with Grafana's variables ($__rate_interval, $__range and those of variables.py;
    variables.fill replaces them), and the name of each series, in which {label} stands for the label's value."""

    promql: str
    legend: str = ""


def has_exemplars(kind: Kind, query: Query) -> bool:
    """Returns whether a query's exemplars can be drawn: they must have the unit of its values."""
    return kind == "heatmap" or (kind == "lines" and "histogram_quantile(" in query.promql)


@dataclass(frozen=True, slots=True)
class Search:
    """A search for requests in the trace store, among those that the variables of variables.py select."""

    conditions: Conditions
    limit: int = 20


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value from which a panel signals a problem: a line in a chart, the colour of a number."""

    value: float
    severity: Literal["warning", "critical"]
    below: bool = False
    """True if values below it are bad, rather than values above."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel. Raises ValueError if it is incomplete.

    name: unique among all boards; custom views refer to it.
    traces: the search for the requests that its numbers count.
    empty: why it may have no data on a healthy server in use; without it, no data is a fault.
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
    width: int = 8
    height: int = 8

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r}: a panel's name must be lower-case words joined by hyphens")
        if not self.title or not self.description:
            raise ValueError(f"{self.name}: a panel needs a title and a description")
        if (self.kind == "traces") != isinstance(self.ask, Search) or (self.kind == "text") != (self.ask is None):
            raise ValueError(
                f"{self.name}: traces need a search, text has no query, every other kind needs queries to Prometheus"
            )
        if self.ask == ():
            raise ValueError(f"{self.name}: a panel needs at least one query")
        if not 1 <= self.width <= 24:
            raise ValueError(f"{self.name}: the width must be 1 to 24 columns")

    @property
    def queries(self) -> tuple[Query, ...]:
        return self.ask if isinstance(self.ask, tuple) else ()


@dataclass(frozen=True, slots=True)
class Row:
    """A heading with the panels under it."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    """A dashboard. Its uid is part of its address and never changes."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)
