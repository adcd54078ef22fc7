"""Builds trace searches from the contract's fields, and writes them as TraceQL for Grafana."""

from __future__ import annotations

from dashboards.panel import Search
from dashboards.variables import JOB, VOICE
from otel.contract.event_fields import REQUEST_FIELDS, RequestField
from otel.trace_store import store, tempo
from otel.trace_store.store import DURATION, Condition


def requests(*conditions: Condition | tuple[Condition, ...], limit: int = 20) -> Search:
    """Returns a search for the last ``limit`` requests that meet all conditions, and any one of those in a tuple."""
    return Search(tuple(group if isinstance(group, tuple) else (group,) for group in conditions), limit)


def longer_than(seconds: float) -> Condition:
    """Returns the condition that a request took longer than ``seconds``."""
    return store.above(DURATION, seconds)


def equal(field: str, *texts: str) -> Condition:
    """Returns the condition that a field has one of these values. Raises ValueError for an unknown field."""
    return store.one_of(_checked(field), *texts)


def above(field: str, number: float) -> Condition:
    """Returns the condition that a field is greater than ``number``. Raises ValueError for an unknown field."""
    return store.above(_checked(field), number)


def present(field: str) -> Condition:
    """Returns the condition that a request has a field. Raises ValueError for an unknown field."""
    return store.present(_checked(field))


def written(search: Search) -> str:
    """Returns a search as TraceQL, restricted to the requests that the variables of variables.py select."""
    scope = (
        f'{tempo.SERVICE} =~ "${JOB.name}"',
        "kind = server",
        f'span.{VOICE_FIELD} =~ "${VOICE.name}"',
    )
    return "{ " + " && ".join((*scope, *map(tempo.group_traceql, search.conditions))) + " }"


def _checked(field: str) -> str:
    if field not in REQUEST_FIELDS:
        raise ValueError(f"{field}: there is no such field")
    return field


VOICE_FIELD = RequestField.VOICE_NAME
"""The field by which the variable $voice selects."""
