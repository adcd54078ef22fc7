"""The service level objectives, as data; alerts/slo.py makes rules from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.links import Dashboard
from otel.contract import slo as promise
from otel.contract.labels import OUTCOME, SIDE, WORD_COUNT_RANGE, Attribute
from otel.contract.metrics import ERRORS, REQUESTS, WORD_COUNT_DURATION
from otel.contract.promql import UNSCOPED, at_most
from otel.contract.slo import WINDOW_DAYS

LATENCY_BOUNDS: Mapping[str, float] = {
    "1-10": 1.0,
    "11-25": 2.5,
    "26-50": 5.0,
    "51-100": 10.0,
    "101-200": 25.0,
    "200+": 50.0,
}
"""Seconds within which a text of each word range should be ready. They are bucket bounds of the histogram."""


@dataclass(frozen=True, slots=True)
class Slo:
    """A service level objective: the share of good requests over a time, and the queries that count them."""

    name: str
    objective: float
    """The share of requests that must be good, 0 to 1."""
    total: str
    """PromQL: requests per second, over five minutes."""
    bad: str
    """PromQL: bad requests per second, over five minutes."""
    promise: str
    """What a good request is, in words."""
    dashboard: Dashboard
    by: tuple[Attribute, ...] = ()
    """The objective holds for each value of these labels separately."""
    window_days: int = field(default=WINDOW_DAYS)

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            raise ValueError(f"{self.name}: an objective must be between 0 and 1; 100 % can't be promised")

    @property
    def budget(self) -> float:
        """The error budget: the share of requests that may be bad."""
        return round(1 - self.objective, 6)


def _in_time(words: str, seconds: float) -> str:
    where = {WORD_COUNT_RANGE: words, **at_most(WORD_COUNT_DURATION, seconds)}
    return UNSCOPED.rate(WORD_COUNT_DURATION, by=(WORD_COUNT_RANGE,), where=where, over="5m", part="_bucket")


_SPOKEN = UNSCOPED.rate(
    WORD_COUNT_DURATION, by=(WORD_COUNT_RANGE,), where={WORD_COUNT_RANGE: tuple(LATENCY_BOUNDS)}, over="5m"
)
_FAILED = f"({UNSCOPED.rate(ERRORS, where={SIDE: 'server'}, over='5m')} or vector(0))"

AVAILABILITY = Slo(
    "availability",
    promise.AVAILABILITY,
    total=f"({UNSCOPED.rate(REQUESTS, where={OUTCOME: 'ok'}, over='5m')} or vector(0)) + {_FAILED}",
    bad=_FAILED,
    promise="requests neither fail nor are rejected because of the server",
    dashboard=Dashboard.SERVICE,
)
LATENCY = Slo(
    "latency",
    0.95,
    total=_SPOKEN,
    bad=f"{_SPOKEN}\n- (\n  " + "\n  or ".join(_in_time(*pair) for pair in LATENCY_BOUNDS.items()) + "\n)",
    promise="texts of {{ $labels.word_count_range }} words are ready in time",
    dashboard=Dashboard.WORDS,
    by=(WORD_COUNT_RANGE,),
)
SLOS = (AVAILABILITY, LATENCY)
