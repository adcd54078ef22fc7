"""Builds trace searches from the contract's features, and writes them as TraceQL for Grafana."""

from __future__ import annotations

from dashboards.panel import Search
from dashboards.variables import JOB, VOICE
from otel.contract.event_fields import REQUEST_FIELDS
from otel.trace_store import store, tempo
from otel.trace_store.store import DURATION, Condition


def requests(*conditions: Condition | tuple[Condition, ...], limit: int = 20) -> Search:
    """Returns a search for the last ``limit`` requests that meet all conditions; one is enough of those in a tuple."""
    return Search(tuple(group if isinstance(group, tuple) else (group,) for group in conditions), limit)


def longer_than(seconds: float) -> Condition:
    """Returns the condition that a request took longer."""
    return store.above(DURATION, seconds)


def equal(feature: str, *texts: str) -> Condition:
    """Returns the condition that a feature has one of these values. Raises ValueError for an unknown feature."""
    return store.one_of(_known(feature), *texts)


def above(feature: str, number: float) -> Condition:
    """Returns the condition that a feature is larger than a number. Raises ValueError for an unknown feature."""
    return store.above(_known(feature), number)


def given(feature: str) -> Condition:
    """Returns the condition that a request has a feature. Raises ValueError for an unknown feature."""
    return store.present(_known(feature))


def written(search: Search) -> str:
    """Returns a search as TraceQL, restricted to the requests that the variables of variables.py select."""
    chosen = (
        f'{tempo.SERVICE} =~ "${JOB.name}"',
        "kind = server",
        f'span.{VOICE_FEATURE} =~ "${VOICE.name}"',
    )
    return "{ " + " && ".join((*chosen, *map(tempo.group_traceql, search.conditions))) + " }"


def _known(feature: str) -> str:
    if feature not in REQUEST_FIELDS:
        raise ValueError(f"{feature}: there is no such feature")
    return feature


VOICE_FEATURE = _known("tts.voice_name")
"""The feature that the variable $voice selects by."""
