"""The counts of GET /metrics at one time, and their differences between two times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OUTCOMES = {
    "ok": "successful_requests",
    "error": "failed_requests",
    "rejected": "rejected_requests",
    "cancelled": "cancelled_requests",
}


@dataclass(frozen=True, slots=True)
class Statistics:
    """The durations of one range in seconds. Differences have no p95 and maximum unless the range was empty before."""

    count: int
    total: float
    p95: float | None = None
    max: float | None = None

    @property
    def average(self) -> float | None:
        """The average in seconds; None without a request."""
        return self.total / self.count if self.count else None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Statistics:
        """Reads the statistics of a range in /metrics."""
        count = int(data["count"])
        return cls(count, count * (data["avg"] or 0.0), data["p95"], data["max"])

    def since(self, before: Statistics) -> Statistics:
        """Returns the differences since ``before``."""
        if before.count == 0:
            return self
        return Statistics(self.count - before.count, self.total - before.total)


EMPTY = Statistics(0, 0.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The server's counts: totals, and statistics by range."""

    requests: int
    in_flight: int
    uptime: float
    outcomes: dict[str, int]
    errors: dict[str, int]
    words: dict[str, Statistics]
    characters: dict[str, Statistics]

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Snapshot:
        """Reads the body of /metrics. Raises KeyError, TypeError or ValueError if it has another shape."""
        return cls(
            requests=int(data["total_requests"]),
            in_flight=int(data["requests_in_flight"]),
            uptime=float(data["uptime_seconds"]),
            outcomes={outcome: int(data[name]) for outcome, name in OUTCOMES.items()},
            errors={name: int(count) for name, count in data["errors_by_type"].items()},
            words={label: Statistics.parse(entry) for label, entry in data["by_word_count_range"].items()},
            characters={label: Statistics.parse(entry) for label, entry in data["by_character_count_range"].items()},
        )

    def since(self, before: Snapshot) -> Snapshot:
        """Returns the differences since ``before``; uptime is the time between."""
        return Snapshot(
            requests=self.requests - before.requests,
            in_flight=self.in_flight,
            uptime=self.uptime - before.uptime,
            outcomes=counts_since(self.outcomes, before.outcomes),
            errors=counts_since(self.errors, before.errors),
            words=statistics_since(self.words, before.words),
            characters=statistics_since(self.characters, before.characters),
        )


def counts_since(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """Returns the differences of counts that are not zero."""
    differences = {name: after.get(name, 0) - before.get(name, 0) for name in after.keys() | before.keys()}
    return {name: count for name, count in sorted(differences.items()) if count}


def statistics_since(after: dict[str, Statistics], before: dict[str, Statistics]) -> dict[str, Statistics]:
    """Returns the differences of every range."""
    return {label: statistics.since(before.get(label, EMPTY)) for label, statistics in after.items()}
