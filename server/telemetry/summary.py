"""The summary of GET /metrics: totals and durations since the start, in bounded memory."""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ddsketch.ddsketch import LogCollapsingLowestDenseDDSketch

from otel.contract.ranges import CHARACTERS, WORDS
from otel.contract.values import CacheResult, Cancellation, Outcome, Side
from server.record import RequestRecord
from server.telemetry.event_rate import EventRate

RELATIVE_ACCURACY = 0.01
"""The most by which p95 and p99 are off, relative to their value (DDSketch, Masson et al., VLDB 2019)."""
BINS = 1024
MINUTE = 60.0
HOUR = 3600.0
TOP = 10


class Summary:
    """Counts every speech request from its start to its end; used by the event loop's thread alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._started = clock()
        self._outcomes: Counter[Outcome] = Counter()
        self._errors: Counter[str] = Counter()
        self._cancellations: Counter[Cancellation] = Counter()
        self._voices: Counter[str] = Counter()
        self._languages: Counter[str] = Counter()
        self._last_used: dict[str, float] = {}
        self._per_second: deque[tuple[int, int]] = deque(maxlen=int(MINUTE))
        self.requests = EventRate(clock)
        """The rate of requests that have begun."""
        self.failures = EventRate(clock)
        """The rate of those that the server failed, or refused because it had no capacity left."""
        self._in_flight = 0
        self._cache: Counter[CacheResult] = Counter()
        self._last_request: float | None = None
        self._all = _Durations()
        self._words = {label: _Durations() for label in WORDS.labels}
        self._characters = {label: _Durations() for label in CHARACTERS.labels}

    @property
    def in_flight(self) -> int:
        return self._in_flight

    @property
    def active_voices(self) -> int:
        """The number of voices used within the last hour."""
        moment = self._clock()
        return sum(moment - last <= HOUR for last in self._last_used.values())

    def open(self) -> None:
        self._in_flight += 1
        self.requests.count()

    def discard(self) -> None:
        """Ends a request that turned out to ask for no audio."""
        self._in_flight -= 1

    def close(self, record: RequestRecord) -> None:
        """Counts a finished request. Raises ValueError if it has no outcome."""
        if record.outcome is None:
            raise ValueError("a finished request has an outcome")
        self._in_flight -= 1
        self._outcomes[record.outcome] += 1
        self._count_second()
        self._last_request = time.time()
        if record.cache is not None:
            self._cache[record.cache] += 1
        if record.error is not None:
            self._errors[record.error.error_type] += 1
            if record.error.side is Side.SERVER:
                self.failures.count()
        if record.cancellation is not None:
            self._cancellations[record.cancellation] += 1
        if record.utterance is not None:
            self._voices[record.utterance.voice.label] += 1
            self._languages[record.utterance.main_language] += 1
        if record.outcome is Outcome.OK and record.utterance is not None and record.duration is not None:
            self._last_used[record.utterance.voice.label] = self._clock()
            for durations in (
                self._all,
                self._words[record.word_count_range],
                self._characters[record.char_count_range],
            ):
                durations.add(record.duration)

    def describe(self, model_load_seconds: dict[str, float]) -> dict[str, Any]:
        """Returns the body of GET /metrics; durations are in seconds, of successful requests."""
        return {
            "total_requests": self._outcomes.total(),
            "successful_requests": self._outcomes[Outcome.OK],
            "failed_requests": self._outcomes[Outcome.ERROR],
            "rejected_requests": self._outcomes[Outcome.REJECTED],
            "cancelled_requests": self._outcomes[Outcome.CANCELLED],
            "requests_in_flight": self._in_flight,
            "requests_per_minute": self._last_minute(),
            "average_duration_seconds": self._all.average,
            "active_voices": self.active_voices,
            "model_load_time_seconds": model_load_seconds,
            "last_request_at": None if self._last_request is None else _iso(self._last_request),
            "uptime_seconds": self._clock() - self._started,
            "top_voices": [{"voice_name": name, "requests": n} for name, n in self._voices.most_common(TOP)],
            "top_languages": [{"language": name, "requests": n} for name, n in self._languages.most_common(TOP)],
            "errors_by_type": dict(self._errors.most_common()),
            "cancellations_by_reason": dict(self._cancellations.most_common()),
            "by_word_count_range": {label: durations.describe() for label, durations in self._words.items()},
            "by_character_count_range": {label: durations.describe() for label, durations in self._characters.items()},
        }

    def describe_cache(self) -> dict[str, Any]:
        """Returns the number of requests by cache result, and the hit rate, which excludes bypassed requests."""
        looked_up = self._cache.total() - self._cache[CacheResult.BYPASS]
        return {
            **{str(result): self._cache[result] for result in CacheResult},
            "hit_rate": self._cache[CacheResult.HIT] / looked_up if looked_up else None,
        }

    def _count_second(self) -> None:
        second = int(self._clock())
        if self._per_second and self._per_second[-1][0] == second:
            self._per_second[-1] = (second, self._per_second[-1][1] + 1)
        else:
            self._per_second.append((second, 1))

    def _last_minute(self) -> int:
        since = self._clock() - MINUTE
        return sum(count for second, count in self._per_second if second > since)


def _iso(unix_seconds: float) -> str:
    return datetime.fromtimestamp(unix_seconds, UTC).isoformat(timespec="milliseconds")


class _Durations:
    """The count, mean, minimum, maximum and quantiles of durations."""

    def __init__(self) -> None:
        self._sketch = LogCollapsingLowestDenseDDSketch(RELATIVE_ACCURACY, BINS)
        self._max = 0.0
        self._min = float("inf")

    def add(self, seconds: float) -> None:
        self._sketch.add(seconds)
        self._max = max(self._max, seconds)
        self._min = min(self._min, seconds)

    @property
    def average(self) -> float | None:
        return self._sketch.sum / self._sketch.count if self._sketch.count else None

    def describe(self) -> dict[str, float | None]:
        empty = not self._sketch.count
        return {
            "count": int(self._sketch.count),
            "avg": self.average,
            "min": None if empty else self._min,
            "max": None if empty else self._max,
            "p95": None if empty else self._quantile(0.95),
            "p99": None if empty else self._quantile(0.99),
        }

    def _quantile(self, share: float) -> float:
        """Returns a quantile by the nearest rank, and never outside the extremes.

        The sketch returns the middle of the bucket of a rank from 0, and rounds the rank down; Prometheus rounds up.
        """
        last = self._sketch.count - 1
        rank = math.ceil(share * self._sketch.count) - 0.5
        middle = float(self._sketch.get_quantile_value(min(rank / last, 1) if last else 0))
        return min(max(middle, self._min), self._max)
