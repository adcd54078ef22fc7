"""What GET /metrics said at one moment, and what happened between two moments."""

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
    """Durations of one range, in seconds. Between two moments the extremes are known only if none came before."""

    count: int
    total: float
    p95: float | None = None
    max: float | None = None

    @property
    def average(self) -> float | None:
        """In seconds; None without a request."""
        return self.total / self.count if self.count else None

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Statistics:
        """Read the statistics of a range, as /metrics has them."""
        count = int(data["count"])
        return cls(count, count * (data["avg"] or 0.0), data["p95"], data["max"])

    def since(self, before: Statistics) -> Statistics:
        """What happened after ``before``."""
        if before.count == 0:
            return self
        return Statistics(self.count - before.count, self.total - before.total)


EMPTY = Statistics(0, 0.0)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The server's account: totals, and statistics by range."""

    requests: int
    in_flight: int
    uptime: float
    outcomes: dict[str, int]
    errors: dict[str, int]
    words: dict[str, Statistics]
    characters: dict[str, Statistics]

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Snapshot:
        """Read the body of /metrics. Raises KeyError, TypeError or ValueError if it is of another shape."""
        return cls(
            requests=int(data["total_requests"]),
            in_flight=int(data["requests_in_flight"]),
            uptime=float(data["uptime_seconds"]),
            outcomes={outcome: int(data[name]) for outcome, name in OUTCOMES.items()},
            errors={name: int(count) for name, count in data["errors_by_type"].items()},
            words={label: Statistics.parse(found) for label, found in data["by_word_count_range"].items()},
            characters={label: Statistics.parse(found) for label, found in data["by_character_count_range"].items()},
        )

    def since(self, before: Snapshot) -> Snapshot:
        """What happened after ``before``; uptime is the time between."""
        return Snapshot(
            requests=self.requests - before.requests,
            in_flight=self.in_flight,
            uptime=self.uptime - before.uptime,
            outcomes=subtract(self.outcomes, before.outcomes),
            errors=subtract(self.errors, before.errors),
            words=grown(self.words, before.words),
            characters=grown(self.characters, before.characters),
        )


def subtract(after: dict[str, int], before: dict[str, int]) -> dict[str, int]:
    """The differences that are not zero."""
    differences = {name: after.get(name, 0) - before.get(name, 0) for name in after.keys() | before.keys()}
    return {name: count for name, count in sorted(differences.items()) if count}


def grown(after: dict[str, Statistics], before: dict[str, Statistics]) -> dict[str, Statistics]:
    """What happened in every range between the two."""
    return {label: statistics.since(before.get(label, EMPTY)) for label, statistics in after.items()}
