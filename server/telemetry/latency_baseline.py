"""The baseline latency of an attempt for each range of words: set by an operator, or learned in an hour."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

ENOUGH_ATTEMPTS = 20
"""The least attempts from which to judge whether an hour was stable, or to take the median of a range."""
STABLE_SUCCESS_RATE = 0.95
"""The least success rate of an hour to learn from."""
STABLE_RATIO = 1.25
"""The largest ratio between the medians of an hour's halves, at equal length. With ten attempts per half and a spread
(sigma of the logarithm) of 0.35, chance alone exceeds it in a quarter of the hours, which costs another hour; with 200
attempts, never."""
MOST_SAMPLES = 256
"""The most durations kept per range and half: their median is within 3 % of the median of all."""
MOST_RANGES = 16
"""The most ranges; further names share one, which bounds memory. There are seven ranges of words."""
OTHER = "other"


class BaselineState(StrEnum):
    """The state of a baseline."""

    LEARNING = "learning"
    KNOWN = "known"
    SET = "set"


class DurationReservoir:
    """A bounded sample of durations, evenly spaced in the order of arrival."""

    def __init__(self) -> None:
        self.samples: list[float] = []
        self._count = 0
        self._every = 1

    def add(self, seconds: float) -> None:
        if self._count % self._every == 0:
            self.samples.append(seconds)
            if len(self.samples) == MOST_SAMPLES:  # keep every second one, of old and new alike
                del self.samples[1::2]
                self._every *= 2
        self._count += 1


@dataclass(slots=True)
class _Hour:
    """The attempts of an hour, from which a baseline may be learned."""

    began: float
    attempts: int = 0
    ok: int = 0
    halves: tuple[dict[str, DurationReservoir], dict[str, DurationReservoir]] = field(default_factory=lambda: ({}, {}))
    """Durations of successful attempts, by range."""

    def by_range(self) -> dict[str, list[float]]:
        first, second = self.halves
        return {
            group: [duration for half in (first, second) if group in half for duration in half[group].samples]
            for group in first | second
        }

    def stable(self) -> bool:
        """Whether the hour is representative: enough attempts, enough of them ok, and no trend in latency."""
        if self.attempts < ENOUGH_ATTEMPTS or self.ok < STABLE_SUCCESS_RATE * self.attempts:
            return False
        medians = {group: median(durations) for group, durations in self.by_range().items()}
        first, second = (
            [duration / medians[group] for group, reservoir in half.items() for duration in reservoir.samples]
            for half in self.halves
        )
        return bool(first and second) and 1 / STABLE_RATIO <= median(second) / median(first) <= STABLE_RATIO


class LatencyBaseline:
    """The baseline latency of one provider in seconds, by range of words. Memory: MOST_RANGES times MOST_SAMPLES.

    The hour begins with its first attempt and is judged at its end. It is stable if it has enough attempts, enough of
    them are ok, and its second half is neither slower nor faster than its first. If not, the next attempt begins
    another hour.
    """

    def __init__(self, learning_seconds: float, set_seconds: float | None = None) -> None:
        """``set_seconds`` is the baseline of every range and disables learning. Raises ValueError."""
        if set_seconds is not None and not (set_seconds > 0 and math.isfinite(set_seconds)):
            raise ValueError(f"a reference latency can't be {set_seconds} seconds")
        self.state = BaselineState.LEARNING if set_seconds is None else BaselineState.SET
        self._set = set_seconds
        self._learning_seconds = learning_seconds
        self._seconds: dict[str, float] = {}
        self._hour: _Hour | None = None
        self._late: dict[str, list[float]] = {}

    @property
    def seconds(self) -> Mapping[str, float]:
        """The learned seconds by range; empty when an operator set one value for all."""
        return self._seconds

    @property
    def set_seconds(self) -> float | None:
        """The value that an operator set for all ranges; None if there is none."""
        return self._set

    def of(self, group: str) -> float | None:
        """Returns the baseline of ``group`` in seconds; None while it is unknown."""
        return self._seconds.get(group) if self._set is None else self._set

    def add(self, moment: float, group: str, seconds: float | None, ok: bool) -> None:
        """Adds an attempt to learn from; ``seconds`` counts only if it was ok. Takes bounded time."""
        if self.state is BaselineState.LEARNING:
            if self._hour is None:
                self._hour = _Hour(moment)
            self._hour.attempts += 1
            self._hour.ok += ok
            if ok and seconds is not None:
                half = self._hour.halves[moment - self._hour.began >= self._learning_seconds / 2]
                half.setdefault(group, DurationReservoir()).add(seconds)
        elif self.state is BaselineState.KNOWN and ok and seconds is not None and group not in self._seconds:
            self._take(group, [*self._late.pop(group, []), seconds])

    def settle(self, moment: float) -> bool:
        """Judges the hour if it is over; returns whether the baseline has just become known."""
        hour = self._hour
        if hour is None or moment - hour.began < self._learning_seconds:
            return False
        self._hour = None
        if not hour.stable():
            return False
        self.state = BaselineState.KNOWN
        for group, durations in hour.by_range().items():
            self._take(group, durations)
        return True

    def _take(self, group: str, durations: list[float]) -> None:
        """Sets the baseline of a range; one with too few durations waits for more attempts."""
        if len(durations) >= ENOUGH_ATTEMPTS:
            self._seconds[group] = median(durations)
        else:
            self._late[group] = durations
