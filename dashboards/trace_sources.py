"""Grafana's data sources for traces, Tempo and Jaeger: how each is asked for a panel's search.

Jaeger takes a service, equal attributes and a least duration, and nothing else. So its searches can be narrower than a
panel's, and some can't be put at all. A search by Jaeger is of all voices, since none of its fields takes several.

Source: Grafana's documentation, "Jaeger query editor": tags are in logfmt, and the service may be a variable.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboards.panel import Search
from dashboards.traceql import written
from otel.trace_store.store import DURATION, Condition, Operator

SERVICE = "service"
"""The variable with the service whose traces Jaeger is asked for; it has one value, unlike $job."""
VARIABLE = re.compile(r"\$(\w+)")
Query = dict[str, Any]
"""A query as the data source's editor in Grafana writes it."""


@dataclass(frozen=True, slots=True)
class TraceSource:
    """A kind of data source. Its name is Grafana's type, the variable that selects it, and its uid."""

    name: str
    label: str
    query: Callable[[Search], Query | None]
    """The query of a search; None if the data source can't be asked for it."""
    difference: Callable[[Search], str]
    """A sentence on what the query leaves out or adds; empty if it finds what the search says."""


def _ask_tempo(search: Search) -> Query:
    """Marks variables so that Grafana joins several selected values to a regular expression's alternatives."""
    traceql = VARIABLE.sub(r"${\1:pipe}", written(search))
    return {"refId": "A", "queryType": "traceql", "query": traceql, "limit": search.limit, "tableType": "traces"}


def _ask_jaeger(search: Search) -> Query | None:
    conditions = [_askable(group) for group in search.conditions]
    if None in conditions:
        return None
    tags, durations = ["span.kind=server"], [0.0]
    for condition in filter(None, conditions):
        if condition.name == DURATION:
            durations.append(condition.number)
        else:
            tags.append(f'{condition.name}="{condition.texts[0]}"')
    query: Query = {"refId": "A", "queryType": "search", SERVICE: f"${{{SERVICE}}}", "tags": " ".join(tags)}
    if max(durations):
        query["minDuration"] = f"{max(durations):g}s"
    return {**query, "limit": search.limit}


def _askable(group: tuple[Condition, ...]) -> Condition | None:
    """Returns the first of the alternatives that Jaeger can be asked for."""
    for condition in group:
        if condition.name == DURATION and condition.operator is not Operator.PRESENT:
            return condition
        if condition.operator is Operator.ONE_OF and len(condition.texts) == 1:
            return condition
    return None


def _difference_of_jaeger(search: Search) -> str:
    narrowed = [_askable(group) for group in search.conditions if len(group) > 1]
    only = [f"{condition.name} = {condition.texts[0]}" for condition in narrowed if condition and condition.texts]
    return f"Jaeger lists those of all voices{' with ' + ' and '.join(only) + ' alone' if only else ''}."


TEMPO = TraceSource("tempo", "Tempo", _ask_tempo, lambda _: "")
JAEGER = TraceSource("jaeger", "Jaeger", _ask_jaeger, _difference_of_jaeger)
TRACE_SOURCES = (TEMPO, JAEGER)
