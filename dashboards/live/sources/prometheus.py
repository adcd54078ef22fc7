"""Asks Prometheus for series over time, their latest values, their exemplars, and for the values of a label."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dashboards.live.period import Window
from dashboards.live.sources.client import Parameters, Source, SourceRefused
from dashboards.live.sources.exemplars import Exemplar
from dashboards.panel import Query
from dashboards.variables import ALL, Variable, fill
from otel.contract.metrics import CONTRACT

NAME = "Prometheus"
MOST_SERIES = 100
"""Of a query: a chart of more says nothing."""
VALUES = [
    value
    for instrument in CONTRACT
    for attribute in instrument.attributes
    if isinstance(attribute.values, tuple)
    for value in attribute.values
]
ORDER = {value: number for number, value in reversed(list(enumerate(VALUES)))}
"""The place of each value that a label can have: the first, of one that several labels have."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACE, TRACE_ID = "trace_id", re.compile(r"[0-9a-f]{32}")
"""The label of an exemplar, and what may stand in it."""
LABEL = re.compile(r"\{\s*(\w+)\s*\}")


@dataclass(frozen=True, slots=True)
class Series:
    """One line: its name, its labels, and its values; NaN where there is none."""

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    times: tuple[float, ...] = ()
    """Seconds since 1970."""
    values: tuple[float, ...] = ()

    @property
    def last(self) -> float:
        """The newest value; NaN if there is none."""
        return next((value for value in reversed(self.values) if not math.isnan(value)), math.nan)


class Prometheus:
    """A Prometheus, asked through ``source``."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def over(
        self, query: Query, window: Window, chosen: Mapping[str, str], span: str | None = None
    ) -> tuple[Series, ...]:
        """The query's series over the window; ``span``: $__range, if it is not all of it. Raises SourceError."""
        promql = _filled(query, window, chosen, span)
        parameters: Parameters = {"query": promql, "start": window.start, "end": window.end, "step": window.step}
        return self._ask("/api/v1/query_range", parameters, query.legend, window)

    def now(self, query: Query, window: Window, chosen: Mapping[str, str], at: float) -> tuple[Series, ...]:
        """The query's series with one value each, that of the time ``at``. Raises SourceError."""
        return self._ask("/api/v1/query", {"query": _filled(query, window, chosen), "time": at}, query.legend, None)

    def label_values(self, variable: Variable, window: Window) -> tuple[str, ...]:
        """What a variable can be, in order. Raises SourceError."""
        parameters: Parameters = {
            "match[]": variable.metric,
            "start": window.start,
            "end": window.end,
        }
        path = f"/api/v1/label/{variable.label}/values"
        found = self.source.remembered((path, window), lambda: self.source.get(path, parameters))
        return tuple(sorted(str(value) for value in _data(found)))

    def exemplars(self, promql: str, window: Window) -> tuple[tuple[Exemplar, ...], ...]:
        """Of each series that a query names, its exemplars that lead to a trace. Raises SourceError."""
        path = "/api/v1/query_exemplars"
        parameters: Parameters = {"query": promql, "start": window.start, "end": window.end}
        key = (path, *sorted(parameters.items()))
        found = _data(self.source.remembered(key, lambda: self.source.get(path, parameters)))
        try:
            return tuple(tuple(_exemplars(row)) for row in found)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SourceRefused(NAME, f"The answer of {NAME} has an invalid exemplar.") from None

    def is_ready(self) -> bool:
        """True if it answers queries. Raises SourceError."""
        self.source.remembered("alive", lambda: self.source.get("/api/v1/query", {"query": "1"}))
        return True

    def _ask(self, path: str, parameters: Parameters, legend: str, window: Window | None) -> tuple[Series, ...]:
        key = (path, *sorted(parameters.items())) if window else (path, parameters["query"])
        data = _data(self.source.remembered(key, lambda: self.source.get(path, parameters)))
        try:
            rows = data["result"][:MOST_SERIES]
            return tuple(sorted((_series(row, legend, window) for row in rows), key=_place))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise SourceRefused(NAME, f"The answer of {NAME} has an invalid series.") from None


def regex(values: Sequence[str]) -> str:
    """What a variable's chosen values are as a regular expression; all of them if none is chosen."""
    return "|".join(re.escape(value) for value in values) if values else ALL


def name_of(legend: str, labels: Mapping[str, str]) -> str:
    """The legend with {label} replaced; without a legend, the labels themselves."""
    if legend:
        return LABEL.sub(lambda found: _short(labels.get(found[1], "")), legend).strip() or legend
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__") or "value"


def _short(value: str) -> str:
    """A UUID, which an instance is named by, in its first eight digits."""
    return value[:8] if UUID.fullmatch(value) else value


def _filled(query: Query, window: Window, chosen: Mapping[str, str], span: str | None = None) -> str:
    return fill(query.promql, interval=window.rate_interval, span=span or window.span, chosen=chosen)


def _place(series: Series) -> tuple[int, str]:
    """In the order of the contract, all else by its name: so a colour stays with what it was given to."""
    return ORDER.get(series.name, len(ORDER)), series.name


def _data(answer: Any) -> Any:
    if not isinstance(answer, dict) or "data" not in answer:
        raise SourceRefused(NAME, f"The server at this address is not {NAME}.")
    return answer["data"]


def _series(row: Any, legend: str, window: Window | None) -> Series:
    labels = {str(key): str(value) for key, value in row["metric"].items()}
    if window is None:
        time, value = row["value"]
        return Series(name_of(legend, labels), labels, (float(time),), (_number(value),))
    known = {round(float(time)): _number(value) for time, value in row["values"]}
    times = range(window.start, window.end + 1, window.step)
    return Series(name_of(legend, labels), labels, tuple(times), tuple(known.get(time, math.nan) for time in times))


def _exemplars(row: Any) -> Iterator[Exemplar]:
    labels = {str(key): str(value) for key, value in row["seriesLabels"].items()}
    for found in row["exemplars"]:
        trace_id, value = str(found["labels"].get(TRACE, "")), _number(found["value"])
        if TRACE_ID.fullmatch(trace_id) and not math.isnan(value):
            yield Exemplar(trace_id, float(found["timestamp"]), value, labels)


def _number(text: Any) -> float:
    """Infinite values can't be drawn."""
    value = float(text)
    return value if math.isfinite(value) else math.nan
