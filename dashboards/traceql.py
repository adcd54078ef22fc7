"""Searches from the contract's features: from a number to the requests behind it, in TraceQL for Grafana."""

from __future__ import annotations

from dashboards.panel import Search
from dashboards.variables import JOB, VOICE
from otel.contract.event_fields import FEATURE_NAMES
from otel.trace_store import store, tempo
from otel.trace_store.store import DURATION, Condition


def requests(*conditions: Condition | tuple[Condition, ...], limit: int = 20) -> Search:
    """The last ``limit`` requests that fulfil all of some conditions; of those in a tuple, one."""
    return Search(tuple(group if isinstance(group, tuple) else (group,) for group in conditions), limit)


def longer_than(seconds: float) -> Condition:
    """The request took longer."""
    return store.above(DURATION, seconds)


def equal(feature: str, *texts: str) -> Condition:
    """The feature is one of these texts. ValueError if the contract does not have it."""
    return store.one_of(_known(feature), *texts)


def above(feature: str, number: float) -> Condition:
    """The feature is a larger number. ValueError if the contract does not have it."""
    return store.above(_known(feature), number)


def given(feature: str) -> Condition:
    """The request has the feature at all. ValueError if the contract does not have it."""
    return store.present(_known(feature))


def written(search: Search) -> str:
    """TraceQL with the variables of variables.py: the requests of a search that they choose."""
    chosen = (
        f'{tempo.SERVICE} =~ "${JOB.name}"',
        "kind = server",
        f'span.{VOICE_FEATURE} =~ "${VOICE.name}"',
    )
    return "{ " + " && ".join((*chosen, *map(tempo.any_of, search.conditions))) + " }"


def _known(feature: str) -> str:
    if feature not in FEATURE_NAMES:
        raise ValueError(f"{feature}: there is no such feature")
    return feature


VOICE_FEATURE = _known("tts.voice_name")
"""What the variable $voice chooses by."""
