"""A client of Prometheus: range queries, instant queries, exemplars, and the values of a label."""

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
MAX_SERIES = 100
"""The maximum number of series of a query: nobody could read a chart with more."""
VALUES = [
    value
    for instrument in CONTRACT
    for attribute in instrument.attributes
    if isinstance(attribute.values, tuple)
    for value in attribute.values
]
ORDER = {value: number for number, value in reversed(list(enumerate(VALUES)))}
"""The position of each label value in the contract; the first one, if several labels have the value."""
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TRACE, TRACE_ID = "trace_id", re.compile(r"[0-9a-f]{32}")
"""The label of an exemplar that holds its trace id, and the format of a trace id."""
Bucket = tuple[float, float]
"""The bounds of a native histogram's bucket: it has the values above the first one, up to the second one."""
LABEL = re.compile(r"\{\s*(\w+)\s*\}")


@dataclass(frozen=True, slots=True)
class Series:
    """A time series: its name, its labels, and its values; NaN where there is none.

    The value of a native histogram is the number of its readings.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    times: tuple[float, ...] = ()
    """Seconds since 1970."""
    values: tuple[float, ...] = ()
    histograms: tuple[Mapping[Bucket, float], ...] = ()
    """The readings in each bucket, at each time, of a native histogram; no buckets where there is none."""

    @property
    def last(self) -> float:
        """The newest value; NaN if there is none."""
        return next((value for value in reversed(self.values) if not math.isnan(value)), math.nan)


class Prometheus:
    """A Prometheus that ``source`` reaches."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def query_range(
        self, query: Query, window: Window, variables: Mapping[str, str], span: str | None = None
    ) -> tuple[Series, ...]:
        """Returns the query's series over the window. Raises SourceError.

        span: the value of $__range; by default the whole window.
        """
        promql = _promql(query, window, variables, span)
        parameters: Parameters = {"query": promql, "start": window.start, "end": window.end, "step": window.step}
        return self._query_series("/api/v1/query_range", parameters, query.legend, window)

    def query_instant(
        self, query: Query, window: Window, variables: Mapping[str, str], at: float
    ) -> tuple[Series, ...]:
        """Returns the query's series with one value each, at the time ``at``. Raises SourceError."""
        return self._query_series(
            "/api/v1/query", {"query": _promql(query, window, variables), "time": at}, query.legend, None
        )

    def label_values(self, variable: Variable, window: Window) -> tuple[str, ...]:
        """Returns the possible values of a variable, sorted. Raises SourceError."""
        parameters: Parameters = {
            "match[]": variable.metric,
            "start": window.start,
            "end": window.end,
        }
        path = f"/api/v1/label/{variable.label}/values"
        values = self.source.cached((path, window), lambda: self.source.get(path, parameters))
        return tuple(sorted(str(value) for value in _data(values)))

    def exemplars(self, promql: str, window: Window) -> tuple[tuple[Exemplar, ...], ...]:
        """Returns the exemplars that have a trace, for each series of a query. Raises SourceError."""
        path = "/api/v1/query_exemplars"
        parameters: Parameters = {"query": promql, "start": window.start, "end": window.end}
        key = (path, *sorted(parameters.items()))
        rows = _data(self.source.cached(key, lambda: self.source.get(path, parameters)))
        try:
            return tuple(tuple(_exemplars(row)) for row in rows)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise SourceRefused(NAME, f"The answer of {NAME} has an invalid exemplar.") from None

    def is_ready(self) -> bool:
        """Returns True if it answers queries. Raises SourceError."""
        self.source.cached("alive", lambda: self.source.get("/api/v1/query", {"query": "1"}))
        return True

    def _query_series(
        self, path: str, parameters: Parameters, legend: str, window: Window | None
    ) -> tuple[Series, ...]:
        key = (path, *sorted(parameters.items())) if window else (path, parameters["query"])
        data = _data(self.source.cached(key, lambda: self.source.get(path, parameters)))
        try:
            rows = data["result"][:MAX_SERIES]
            return tuple(sorted((_series(row, legend, window) for row in rows), key=_sort_key))
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise SourceRefused(NAME, f"The answer of {NAME} has an invalid series.") from None


def regex_of(values: Sequence[str]) -> str:
    """Returns a regular expression for the selected values of a variable; for all values if none is selected."""
    return "|".join(re.escape(value) for value in values) if values else ALL


def series_name(legend: str, labels: Mapping[str, str]) -> str:
    """Returns the legend with each {label} replaced; without a legend, the labels."""
    if legend:
        return LABEL.sub(lambda match: _short(labels.get(match[1], "")), legend).strip() or legend
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()) if key != "__name__") or "value"


def _short(value: str) -> str:
    """Shortens a UUID, such as an instance's name, to its first eight digits."""
    return value[:8] if UUID.fullmatch(value) else value


def _promql(query: Query, window: Window, variables: Mapping[str, str], span: str | None = None) -> str:
    return fill(query.promql, interval=window.rate_interval, span=span or window.span, variables=variables)


def _sort_key(series: Series) -> tuple[int, str]:
    """The sort key of a series: its position in the contract, then its name. So each series keeps its colour."""
    return ORDER.get(series.name, len(ORDER)), series.name


def _data(answer: Any) -> Any:
    if not isinstance(answer, dict) or "data" not in answer:
        raise SourceRefused(NAME, f"The server at this address is not {NAME}.")
    return answer["data"]


def _series(row: Any, legend: str, window: Window | None) -> Series:
    labels = {str(key): str(value) for key, value in row["metric"].items()}
    name = series_name(legend, labels)
    if window is None:
        time, value = row["value"] if "value" in row else row["histogram"]
        return Series(name, labels, (float(time),), (_number(value if "value" in row else value["count"]),))
    values = {round(float(time)): _number(value) for time, value in row.get("values", ())}
    histograms = {round(float(time)): value for time, value in row.get("histograms", ())}
    values |= {time: _number(histogram["count"]) for time, histogram in histograms.items()}
    times = range(window.start, window.end + 1, window.step)
    return Series(
        name,
        labels,
        tuple(times),
        tuple(values.get(time, math.nan) for time in times),
        tuple(_buckets(histograms.get(time, {})) for time in times) if histograms else (),
    )


def _buckets(histogram: Any) -> dict[Bucket, float]:
    buckets = {(float(lower), float(upper)): _number(count) for _, lower, upper, count in histogram.get("buckets", ())}
    if not all(lower < upper for lower, upper in buckets):
        raise ValueError("a bucket's bounds must ascend")
    return buckets


def _exemplars(row: Any) -> Iterator[Exemplar]:
    labels = {str(key): str(value) for key, value in row["seriesLabels"].items()}
    for exemplar in row["exemplars"]:
        trace_id, value = str(exemplar["labels"].get(TRACE, "")), _number(exemplar["value"])
        if TRACE_ID.fullmatch(trace_id) and not math.isnan(value):
            yield Exemplar(trace_id, float(exemplar["timestamp"]), value, labels)


def _number(text: Any) -> float:
    """Returns the value; NaN for an infinite one, which can't be drawn."""
    value = float(text)
    return value if math.isfinite(value) else math.nan
