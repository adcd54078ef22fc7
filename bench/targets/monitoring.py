"""What the server says of its cache and its providers: in /metrics, and in Prometheus' words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from prometheus_client.parser import text_string_to_metric_families

# Written down here once more, as the ranges are: a client that took these names from the server could not miss one.
RESULTS = ("hit", "miss", "coalesced", "bypass")
Key = TypeVar("Key")
FAILURES = ("error", "timeout")
"""Outcomes of attempts that are the provider's fault."""
FAULTY = "faulty"
"""The outcome of attempts that may be the provider's fault, or their text's."""


class Sample(NamedTuple):
    """A line of the Prometheus text."""

    name: str
    labels: Mapping[str, str]
    value: float


class Fallback(NamedTuple):
    """The labels of tts_provider_fallbacks_total."""

    failed: str
    following: str
    reason: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider as /metrics has it."""

    available: bool
    attempts: int
    """In the watch's window, as of its last look."""
    success_rate: float | None
    """Of those attempts; None while they are too few."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Provider:
        """Read a provider of /metrics."""
        rate = data["window"]["success_rate"]
        return cls(bool(data["available"]), int(data["window"]["attempts"]), None if rate is None else float(rate))


@dataclass(frozen=True, slots=True)
class Monitoring:
    """Both accounts at one moment; counts are since the server's start."""

    cache: dict[str, int]
    """Requests by result, by /metrics."""
    hit_rate: float | None
    evictions: int
    providers: dict[str, Provider]
    """In the order in which they are asked."""
    degraded: frozenset[tuple[str, str]]
    """Kind and provider, by /metrics."""
    counted: dict[str, int]
    """Requests by result, by Prometheus."""
    outcomes: dict[str, int]
    """Requests by outcome, by Prometheus."""
    attempts: dict[str, dict[str, int]]
    """By provider and outcome."""
    available: dict[str, bool]
    fallbacks: dict[Fallback, int]
    gauged: frozenset[tuple[str, str]]
    """Kind and provider of what is degraded, by Prometheus."""
    audio_faults: int

    @classmethod
    def parse(cls, summary: Mapping[str, Any], exposition: str) -> Monitoring:
        """Read both bodies. Raises KeyError, TypeError or ValueError if one is of another shape."""
        cache, samples = summary["cache"], read(exposition)
        attempts: dict[str, dict[str, int]] = {}
        for (provider, outcome), count in tally(samples, "tts_provider_requests_total", "provider", "outcome").items():
            attempts.setdefault(provider, {})[outcome] = count
        available = by_label(samples, "tts_provider_available", "provider")
        degraded = tally(samples, "tts_degraded", "kind", "provider")
        return cls(
            cache={result: int(cache[result]) for result in RESULTS},
            hit_rate=None if cache["hit_rate"] is None else float(cache["hit_rate"]),
            evictions=int(cache["evictions"]),
            providers={name: Provider.parse(found) for name, found in summary["providers"].items()},
            degraded=frozenset((found["kind"], found["provider"]) for found in summary["degraded"]),
            counted=by_label(samples, "tts_cache_requests_total", "result"),
            outcomes=by_label(samples, "tts_requests_total", "outcome"),
            attempts=attempts,
            available={name: bool(value) for name, value in available.items()},
            fallbacks={
                Fallback(*labels): count
                for labels, count in tally(samples, "tts_provider_fallbacks_total", "from", "to", "reason").items()
            },
            gauged=frozenset((kind, provider) for (kind, provider), value in degraded.items() if value),
            audio_faults=tally(samples, "tts_audio_faults_total").total(),
        )

    def failures(self, provider: str) -> int:
        """Attempts that failed by the provider's fault, since the server's start."""
        return sum(self.attempts.get(provider, {}).get(outcome, 0) for outcome in FAILURES)

    def judged(self, provider: str) -> int:
        """Attempts that say something of the provider, since the server's start."""
        return self.attempts.get(provider, {}).get("ok", 0) + self.failures(provider)


def read(exposition: str) -> list[Sample]:
    """Every sample. Raises ValueError if it is no Prometheus text."""
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    ]


def tally(samples: Sequence[Sample], name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """The sums of a metric's values, whole numbers all, by the values of these labels. Raises KeyError without them."""
    sums: Counter[tuple[str, ...]] = Counter()
    for sample in samples:
        if sample.name == name:
            sums[tuple(sample.labels[label] for label in labels)] += round(sample.value)
    return sums


def by_label(samples: Sequence[Sample], name: str, label: str) -> dict[str, int]:
    """The same by one label alone."""
    return {value: count for (value,), count in tally(samples, name, label).items()}


def growth(after: Mapping[Key, int], before: Mapping[Key, int]) -> Counter[Key]:
    """What was counted between two moments, where it is not zero."""
    differences = {key: after.get(key, 0) - before.get(key, 0) for key in after.keys() | before.keys()}
    return Counter({key: count for key, count in differences.items() if count})
