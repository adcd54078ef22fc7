"""The service level objectives: which requests are good and bad, what share must be good, and over how long.

The panels of the error budget (dashboards/objective.py) and the burn rate alerts (alerting/alerts/slo.py) are made from
this. READMEs and runbooks repeat its words, and a test holds them to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from otel.contract.instrument import Instrument
from otel.contract.labels import OUTCOME, PLAYBACK_RATING, SIDE, WORD_COUNT_RANGE, Attribute
from otel.contract.metrics import ERRORS, REQUESTS, STREAM_UNDERRUN, WORD_COUNT_DURATION
from otel.contract.playback_metrics import PLAYBACKS
from otel.contract.playback_values import IN_TIME_SECONDS, PlaybackRating
from otel.contract.promql import Where, at_most
from otel.contract.values import Outcome, Side

WINDOW_DAYS = 30
"""The window of every objective; stack/services.py has Prometheus keep more than that."""


@dataclass(frozen=True, slots=True)
class Count:
    """The series of a counter, or of a histogram's counts, that count requests of one kind."""

    counter: Instrument
    where: Where = field(default_factory=dict)
    suffix: str = ""
    """Which series of a histogram: ``_count`` or ``_bucket``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """A service level objective: the share of requests that must be good within a window."""

    name: str
    objective: float
    """The share of requests that must be good, 0 to 1."""
    promise: str
    """What a good request is, in words that go on from "99.5 % of"; {label} stands for the value of that label."""
    by: tuple[Attribute, ...] = ()
    """The objective holds for each value of these labels separately."""
    window_days: int = WINDOW_DAYS

    def __post_init__(self) -> None:
        if not 0 < self.objective < 1:
            raise ValueError(f"{self.name}: an objective must be between 0 and 1; 100 % can't be promised")

    @property
    def budget(self) -> float:
        """The error budget: the share of requests that may be bad."""
        return round(1 - self.objective, 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedSlo(Slo):
    """An objective of all requests together, whose bad requests and requests are counted."""

    exclusions: str
    """What counts as bad and what does not count, in words."""

    def bad_requests(self, query: Callable[[Count], str]) -> str:
        """PromQL: the number of bad requests, by a query of the number that one Count counted."""
        raise NotImplementedError

    def requests(self, query: Callable[[Count], str]) -> str:
        """PromQL: the number of good and bad requests."""
        raise NotImplementedError

    @property
    def sentence(self) -> str:
        """The objective in words, as it stands in documents."""
        return f"{self.objective * 100:g} % of {self.promise}, within {self.window_days} days. {self.exclusions}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilitySlo(CountedSlo):
    """An objective whose good and bad requests have counters."""

    good: tuple[Count, ...]
    bad: tuple[Count, ...]
    excluded: tuple[Count, ...]
    """Requests that are neither."""

    def bad_requests(self, query: Callable[[Count], str]) -> str:
        return _sum(self.bad, query)

    def requests(self, query: Callable[[Count], str]) -> str:
        return _sum(self.good + self.bad, query)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuitySlo(CountedSlo):
    """An objective whose good streams had no more silence than a bound, for which the histogram has a bucket."""

    histogram: Instrument
    bound: float
    """Seconds of silence in a good stream, all gaps together."""

    def bad_requests(self, query: Callable[[Count], str]) -> str:
        return f"{self.requests(query)} - {_sum((self.within(self.bound),), query)}"

    def requests(self, query: Callable[[Count], str]) -> str:
        return _sum((Count(self.histogram, suffix="_count"),), query)

    def within(self, seconds: float) -> Count:
        """The streams with at most so many seconds of silence. Raises ValueError if the histogram has no such bound."""
        return Count(self.histogram, at_most(self.histogram, seconds), "_bucket")


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencySlo(Slo):
    """An objective whose good requests took no longer than a bound; only requests that ended ok count."""

    histogram: Instrument
    bounds: Mapping[str, float]
    """Seconds within which a request should be ready, for each value of ``by``; bucket bounds of the histogram."""


def _sum(counts: tuple[Count, ...], query: Callable[[Count], str]) -> str:
    """The sum of queries; a counter that has no series yet counts 0."""
    return " + ".join(f"({query(count)} or vector(0))" for count in counts)


AVAILABILITY = AvailabilitySlo(
    name="availability",
    objective=0.995,
    promise="requests neither fail nor are rejected because of the server",
    good=(Count(REQUESTS, {OUTCOME: Outcome.OK}),),
    bad=(Count(ERRORS, {SIDE: Side.SERVER}),),
    excluded=(Count(ERRORS, {SIDE: Side.CLIENT}), Count(REQUESTS, {OUTCOME: Outcome.CANCELLED})),
    exclusions="Requests that are rejected for want of room are bad; requests that fail or are rejected because of the "
    "client, and requests whose client disconnected, do not count.",
)
"""A connection that was refused because all others were in use is in ERRORS, like every request without room."""
LATENCY = LatencySlo(
    name="latency",
    objective=0.95,
    promise="texts of {word_count_range} words are ready in time",
    by=(WORD_COUNT_RANGE,),
    histogram=WORD_COUNT_DURATION,
    bounds={"1-10": 1.0, "11-25": 2.5, "26-50": 5.0, "51-100": 10.0, "101-200": 25.0, "200+": 50.0},
)
UNDERRUN_BOUNDS = (0.05, 0.1, 0.2)
"""Seconds of silence in a stream, up to which a panel shows the share of streams."""
CONTINUITY = ContinuitySlo(
    name="continuity",
    objective=0.99,
    promise="streams have no underrun above 100 ms",
    histogram=STREAM_UNDERRUN,
    bound=0.1,
    exclusions="The underrun of a stream is the sum of all its gaps: the silence that a listener heard who played it "
    "from its first chunk on. Streams that did not end ok, and time spent waiting for a slow reader, do not count.",
)
PLAYBACK = AvailabilitySlo(
    name="playback",
    objective=0.95,
    promise=f"playbacks sound within {IN_TIME_SECONDS * 1000:g} ms of the listener's click and have no gap",
    good=(Count(PLAYBACKS, {PLAYBACK_RATING: PlaybackRating.GOOD}),),
    bad=tuple(
        Count(PLAYBACKS, {PLAYBACK_RATING: rating})
        for rating in (PlaybackRating.LATE, PlaybackRating.GAPS, PlaybackRating.LATE_GAPS)
    ),
    excluded=(Count(PLAYBACKS, {PLAYBACK_RATING: PlaybackRating.NONE}),),
    exclusions="Only playbacks that players report count. What the network and the listener's device delay is bad, "
    "too; playbacks that ended before any sound and within that time do not count.",
)
"""The only objective that is measured where the listener is."""
SLOS: tuple[Slo, ...] = (AVAILABILITY, LATENCY, CONTINUITY, PLAYBACK)

P95_SECONDS: float = 10
"""The limit of the response time's p95 (requirement A6), which panels draw and TtsLatencyHigh watches."""
ERRORS_PER_SECOND = 0.1
"""The limit of errors per second (requirement A6), which panels draw and TtsErrorRateHigh watches."""
SUCCESS_SHARE = 0.95
"""The least share of accepted requests that succeed (requirement B3); panels draw it, TtsSuccessRateLow watches it."""
