"""The degradation monitor: detects inside the server that a provider is slow, unreliable or unavailable."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from otel.contract.values import DegradationKind
from server.logs import LOGGER
from server.telemetry.latency_baseline import MOST_RANGES, OTHER, BaselineState, LatencyBaseline

INTERVAL_SECONDS = 5.0
LATENCY_LIMIT = 1.5
"""Multiple of the baseline latency above which an episode begins (requirement B3)."""
LATENCY_RECOVERED = 1.35
"""Multiple of the baseline below which the episode ends. The median of ten attempts is uncertain by 14 % at a spread of
0.35 (1.25 sigma / sqrt(n)): with a single limit, a provider near it would begin and end one at every evaluation."""
SUCCESS_LIMIT = 0.95
"""The lowest success rate without an episode (requirement B3)."""
LATENCY_ATTEMPTS = 10
"""The least attempts in a window to judge its median; tests/unit/test_degradation.py shows what that detects."""
SUCCESS_ATTEMPTS = 20
"""The least attempts in a window to judge its success rate: with fewer, one failure is more than 5 %."""
MOST_ATTEMPTS = 2000
"""The most attempts kept per window: above seven per second it covers less than five minutes. Evaluating it takes about
a millisecond on the event loop."""

log = logging.getLogger(f"{LOGGER}.watch")


class TimedAttempt(NamedTuple):
    """A finished attempt of a provider."""

    at: float
    group: str
    seconds: float | None
    """The duration of a successful attempt, positive; None for any other."""
    ok: bool


@dataclass(frozen=True, slots=True)
class AttemptWindow:
    """The figures of a provider's recent attempts; None where there are too few to judge."""

    attempts: int = 0
    success_rate: float | None = None
    latency_ratio: float | None = None
    """The median of each attempt's seconds divided by the baseline of its range."""
    median_seconds: float | None = None


@dataclass(slots=True)
class Episode:
    """An ongoing degradation."""

    kind: DegradationKind
    provider: str
    since: float
    value: float
    """The value at the last evaluation: multiple of the baseline, success rate, or 0 for unavailable."""
    limit: float


class _Provider:
    """The attempts of one provider, and its latency baseline."""

    def __init__(self, reference: LatencyBaseline) -> None:
        self.reference = reference
        self.attempts: deque[TimedAttempt] = deque(maxlen=MOST_ATTEMPTS)
        self.groups: set[str] = set()
        self.window = AttemptWindow()

    def group(self, name: str) -> str:
        """Returns ``name``, or OTHER once there are MOST_RANGES names."""
        if name not in self.groups:
            if len(self.groups) >= MOST_RANGES:
                return OTHER
            self.groups.add(name)
        return name

    def look(self, oldest: float) -> AttemptWindow:
        """Returns the figures of the attempts that ended at ``oldest`` or later; drops the others."""
        while self.attempts and self.attempts[0].at < oldest:
            self.attempts.popleft()
        timed = [(attempt.group, attempt.seconds) for attempt in self.attempts if attempt.seconds is not None]
        usual = {group: self.reference.of(group) for group in self.groups | {OTHER}}
        ratios = [seconds / reference for group, seconds in timed if (reference := usual[group]) is not None]
        count = len(self.attempts)
        self.window = AttemptWindow(
            count,
            sum(attempt.ok for attempt in self.attempts) / count if count >= SUCCESS_ATTEMPTS else None,
            median(ratios) if len(ratios) >= LATENCY_ATTEMPTS else None,
            median(seconds for _, seconds in timed) if timed else None,
        )
        return self.window


class DegradationMonitor:
    """Monitors all providers. Attempts are added in the event loop's thread; any thread may read.

    Latency is judged at equal length: each attempt is compared with the baseline of its own range of words, so that
    longer texts do not look like a slower service. Within a range this can't be told apart: if all texts grow to the
    longest of their range, the median grows. Attempts in a range without a baseline are not judged for latency, and
    attempts made during a latency episode are not used to learn a baseline.
    """

    def __init__(
        self,
        providers: Iterable[str],
        reference_seconds: float | None,
        learning_seconds: float = 3600.0,
        window_seconds: float = 300.0,
        *,
        clock: Callable[[], float] = time.monotonic,
        log: logging.Logger = log,
    ) -> None:
        """``reference_seconds`` is the baseline latency of every provider and range; None learns it.

        Raises ValueError when it is not a positive, finite number.
        """
        self._providers = {name: _Provider(LatencyBaseline(learning_seconds, reference_seconds)) for name in providers}
        self._window_seconds = window_seconds
        self._clock = clock
        self._log = log
        self._episodes: dict[tuple[DegradationKind, str], Episode] = {}

    async def run(self) -> None:
        """Evaluates every five seconds until it is cancelled."""
        while True:
            self.evaluate()
            await asyncio.sleep(INTERVAL_SECONDS)

    def add(self, provider: str, group: str, seconds: float | None, ok: bool) -> None:
        """Adds an attempt that ended in ``group``, a range of words, after ``seconds`` of work if that is known.

        Takes bounded time, since it runs in the path of a request. Cache hits are not attempts. Seconds that are not
        positive and finite are ignored, and so are providers that are not monitored.
        """
        watched = self._providers.get(provider)
        if watched is None:
            return
        if seconds is not None and not (ok and seconds > 0 and math.isfinite(seconds)):
            seconds = None
        attempt = TimedAttempt(self._clock(), watched.group(group), seconds, ok)
        watched.attempts.append(attempt)
        if (DegradationKind.LATENCY, provider) not in self._episodes:
            watched.reference.add(*attempt)

    def set_available(self, provider: str, available: bool) -> None:
        """Sets whether the provider accepts requests, as the chain reports it; initially it does."""
        if provider in self._providers:
            self._judge(DegradationKind.UNAVAILABLE, provider, not available, float(available), 1.0)

    def evaluate(self) -> None:
        """Evaluates every window, begins and ends episodes, and adopts a newly learned baseline."""
        moment = self._clock()
        for name, provider in self._providers.items():
            if provider.reference.settle(moment):
                self._log.info(
                    "the reference latency is learned",
                    extra={"provider": name, "seconds": _rounded(provider.reference.seconds)},
                )
            window = provider.look(moment - self._window_seconds)
            ratio, rate = window.latency_ratio, window.success_rate
            was_slow = (DegradationKind.LATENCY, name) in self._episodes
            slow = ratio is not None and (ratio > LATENCY_LIMIT or (was_slow and ratio >= LATENCY_RECOVERED))
            self._judge(DegradationKind.LATENCY, name, slow, ratio, LATENCY_LIMIT)
            self._judge(
                DegradationKind.SUCCESS_RATE, name, rate is not None and rate < SUCCESS_LIMIT, rate, SUCCESS_LIMIT
            )

    def readings(self) -> list[tuple[int, dict[str, str]]]:
        """Returns tts_degraded for every kind and provider: 1 during an episode."""
        return [
            (int((kind, name) in self._episodes), {"kind": kind.value, "provider": name})
            for name in self._providers
            for kind in DegradationKind
        ]

    def describe(self) -> dict[str, Any]:
        """Returns fields for GET /metrics: windows and references (baselines) at the last evaluation, and episodes."""
        moment = self._clock()
        return {
            "providers": {name: self._describe(name, provider) for name, provider in self._providers.items()},
            "degraded": [
                {
                    "kind": episode.kind.value,
                    "provider": episode.provider,
                    "since_seconds": round(moment - episode.since, 1),
                    "value": round(episode.value, 4),
                    "limit": episode.limit,
                }
                for episode in list(self._episodes.values())
            ],
        }

    def _describe(self, name: str, provider: _Provider) -> dict[str, Any]:
        window, reference = provider.window, provider.reference
        return {
            "available": (DegradationKind.UNAVAILABLE, name) not in self._episodes,
            "window": {
                "attempts": window.attempts,
                "success_rate": _round(window.success_rate),
                "latency_ratio": _round(window.latency_ratio),
                "median_seconds": _round(window.median_seconds),
            },
            "reference": {
                "state": reference.state.value,
                "seconds": reference.set_seconds
                if reference.state is BaselineState.SET
                else _rounded(reference.seconds),
            },
        }

    def _judge(self, kind: DegradationKind, provider: str, degraded: bool, value: float | None, limit: float) -> None:
        """Begins, updates or ends the episode of a kind, and logs its beginning and end."""
        key = (kind, provider)
        episode = self._episodes.get(key)
        extra = {"kind": kind.value, "provider": provider, "value": _round(value), "limit": limit}
        if degraded and value is not None:
            if episode is None:
                self._episodes[key] = Episode(kind, provider, self._clock(), value, limit)
                self._log.warning("a provider is degraded", extra=extra)
            else:
                episode.value = value
        elif episode is not None:
            del self._episodes[key]
            seconds = round(self._clock() - episode.since, 1)
            self._log.info("a provider is no longer degraded", extra={**extra, "seconds": seconds})


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _rounded(seconds: Mapping[str, float]) -> dict[str, float]:
    return {group: round(value, 4) for group, value in dict(seconds).items()}
