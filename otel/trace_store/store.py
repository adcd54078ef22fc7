"""The interface of a trace store: a trace by its id, and a search for requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from otel.contract.event_fields import RequestField

Value = str | int | float | bool
GetJson = Callable[[str, Mapping[str, str | int]], Any]
"""Calls a store's HTTP API: takes a path and its query parameters, and returns the JSON of the response, or None for
status 404. It raises an error of its own for anything else."""

DURATION = "duration"
"""The name of a condition on how long a request took, in seconds. All other names are attributes of its SERVER span."""
SUMMARISED: tuple[str, ...] = (
    RequestField.VOICE_NAME,
    RequestField.WORD_COUNT_RANGE,
    RequestField.OUTCOME,
    RequestField.SLOW_REASON,
    RequestField.CACHE,
)
"""The attributes that a summary has."""


class TraceStoreError(Exception):
    """A store does not answer, or answers with something other than traces; the message names it."""


class Operator(StrEnum):
    """The comparison that a condition makes."""

    ONE_OF = "one of"
    ABOVE = ">"
    AT_LEAST = ">="
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on an attribute of a request's SERVER span: it is one of ``texts``, or compares with ``number``."""

    name: str
    operator: Operator
    texts: tuple[str, ...] = ()
    number: float = 0.0

    def holds(self, attributes: Mapping[str, Value], seconds: float) -> bool:
        """Returns whether a SERVER span with these attributes and this duration fulfils it."""
        value = seconds if self.name == DURATION else attributes.get(self.name)
        if value is None or self.operator is Operator.PRESENT:
            return value is not None
        if self.operator is Operator.ONE_OF:
            return str(value) in self.texts
        if isinstance(value, str):
            return False
        return value > self.number or (self.operator is Operator.AT_LEAST and value == self.number)


Conditions = tuple[tuple[Condition, ...], ...]
"""A conjunction of disjunctions: at least one condition of every inner tuple must hold."""


@dataclass(frozen=True, slots=True)
class TraceSearch:
    """A search for requests that started between two times (seconds since 1970) and fulfil the conditions.

    services: the service.name of their servers; empty for any.
    limit: the maximum number of results. A store may leave out others than the oldest.
    """

    start: float
    end: float
    conditions: Conditions = ()
    services: tuple[str, ...] = ()
    limit: int = 20

    def fits(self, attributes: Mapping[str, Value], started: float, seconds: float) -> bool:
        """Returns whether a SERVER span belongs to the results."""
        return self.start <= started <= self.end and all(
            any(condition.holds(attributes, seconds) for condition in group) for group in self.conditions
        )


@dataclass(frozen=True, slots=True)
class StoredSpan:
    """A span of a trace."""

    identifier: str
    parent: str
    """The identifier of its parent; empty if it has none."""
    name: str
    start: float
    """Seconds since 1970."""
    seconds: float
    failed: bool = False
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TraceSummary:
    """A request in the results of a search."""

    trace_id: str
    """32 hexadecimal digits."""
    started: float
    """Seconds since 1970."""
    seconds: float
    name: str
    attributes: Mapping[str, Value] = field(default_factory=dict)
    """Attributes of its SERVER span: those listed in SUMMARISED."""


class TraceStore(Protocol):
    """A program that stores traces. Every method raises TraceStoreError, and what its GetJson raises."""

    @property
    def name(self) -> str:
        """The store's name for people."""

    def check(self) -> None:
        """Returns nothing if the store answers searches, and raises otherwise."""

    def trace(self, trace_id: str) -> tuple[StoredSpan, ...]:
        """Returns all spans of a trace; an empty tuple if the store does not have it."""

    def search(self, search: TraceSearch) -> tuple[TraceSummary, ...]:
        """Returns the requests that fulfil a search, the newest first."""


def one_of(name: str, *texts: str) -> Condition:
    """Returns the condition that the attribute is one of these texts."""
    return Condition(name, Operator.ONE_OF, texts)


def above(name: str, number: float) -> Condition:
    """Returns the condition that the attribute is a number above this one; a duration is in seconds."""
    return Condition(name, Operator.ABOVE, number=number)


def at_least(name: str, number: float) -> Condition:
    """Returns the condition that the attribute is a number and not below this one; a duration is in seconds."""
    return Condition(name, Operator.AT_LEAST, number=number)


def present(name: str) -> Condition:
    """Returns the condition that the span has the attribute."""
    return Condition(name, Operator.PRESENT)


def request_attributes(spans: tuple[StoredSpan, ...]) -> Mapping[str, Value] | None:
    """The attributes of the first request in a trace; None if no span is a request's."""
    requests = [span for span in spans if RequestField.OUTCOME in span.attributes]
    return min(requests, key=lambda span: span.start).attributes if requests else None
