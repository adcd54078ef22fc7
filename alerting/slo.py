"""What the service promises, once and as data; rules are made from it (alerts/slo.py)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alerting.links import Dashboard
from alerting.promql import bound, rate
from otel.contract import slo as promise
from otel.contract.labels import OUTCOME, SIDE, WORD_COUNT_RANGE, Attribute
from otel.contract.metrics import ERRORS, REQUESTS, WORD_COUNT_DURATION
from otel.contract.slo import WINDOW_DAYS

LATENCY_BOUNDS: Mapping[str, float] = {
    "1-10": 1.0,
    "11-25": 2.5,
    "26-50": 5.0,
    "51-100": 10.0,
    "101-200": 25.0,
    "200+": 50.0,
}
"""Seconds within which a text of so many words should be ready: bounds of the histogram, which has no others."""


@dataclass(frozen=True, slots=True)
class Slo:
    """A share of good calls that is promised over a time, and how good and bad ones are told."""

    name: str
    objective: float
    """The share of calls that must be good, 0 to 1."""
    total: str
    """Calls a second, over five minutes."""
    bad: str
    """Of these, those that broke the promise."""
    promise: str
    """What a good call is, in words."""
    dashboard: Dashboard
    by: tuple[Attribute, ...] = ()
    """The promise holds for each value by itself."""
    window_days: int = field(default=WINDOW_DAYS)

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            raise ValueError(f"{self.name}: an objective is a share, and 100 % can't be promised")

    @property
    def budget(self) -> float:
        """The share of calls that may be bad."""
        return round(1 - self.objective, 6)


def _in_time(words: str, seconds: float) -> str:
    where = {WORD_COUNT_RANGE: words, **bound(WORD_COUNT_DURATION, seconds)}
    return rate(WORD_COUNT_DURATION, "5m", where, (WORD_COUNT_RANGE,), "_bucket")


_SPOKEN = rate(WORD_COUNT_DURATION, "5m", {WORD_COUNT_RANGE: tuple(LATENCY_BOUNDS)}, (WORD_COUNT_RANGE,), "_count")
_FAILED = f"({rate(ERRORS, '5m', {SIDE: 'server'})} or vector(0))"

AVAILABILITY = Slo(
    "availability",
    promise.AVAILABILITY,
    total=f"({rate(REQUESTS, '5m', {OUTCOME: 'ok'})} or vector(0)) + {_FAILED}",
    bad=_FAILED,
    promise="calls for audio neither fail nor are refused by the server's fault",
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
