"""The server's counts of its cache and providers, in /metrics and in /prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from prometheus_client.parser import text_string_to_metric_families

# Repeated here on purpose, as the ranges are: a client that read these names from the server could not miss one.
RESULTS = ("hit", "miss", "coalesced", "bypass")
Key = TypeVar("Key")
FAILURES = ("error", "timeout")
"""Outcomes of attempts that failed because of the provider."""
FAULTY = "faulty"
"""The outcome of attempts that failed because of the provider or of the text."""


class Sample(NamedTuple):
    """A line of the Prometheus text format."""

    name: str
    labels: Mapping[str, str]
    value: float


class Fallback(NamedTuple):
    """The labels of tts_provider_fallbacks_total."""

    from_provider: str
    to_provider: str
    reason: str


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider in /metrics."""

    available: bool
    attempts: int
    """The attempts in the server's window, at its last update."""
    success_rate: float | None
    """The success rate of those attempts; None while there are too few."""

    @classmethod
    def parse(cls, data: Mapping[str, Any]) -> Provider:
        """Reads a provider of /metrics."""
        rate = data["window"]["success_rate"]
        return cls(bool(data["available"]), int(data["window"]["attempts"]), None if rate is None else float(rate))


@dataclass(frozen=True, slots=True)
class Monitoring:
    """The counts of /metrics and /prometheus at one time, since the server's start."""

    cache: dict[str, int]
    """Requests by cache result, in /metrics."""
    hit_rate: float | None
    evictions: int
    providers: dict[str, Provider]
    """Providers by name, in the order of preference."""
    degraded: frozenset[tuple[str, str]]
    """Kind and provider of each degradation, in /metrics."""
    prometheus_cache: dict[str, int]
    """Requests by cache result, in /prometheus."""
    outcomes: dict[str, int]
    """Requests by outcome, in /prometheus."""
    attempts: dict[str, dict[str, int]]
    """Attempts by provider and outcome, in /prometheus."""
    available: dict[str, bool]
    fallbacks: dict[Fallback, int]
    prometheus_degraded: frozenset[tuple[str, str]]
    """Kind and provider of each degradation, in /prometheus."""
    audio_faults: int

    @classmethod
    def parse(cls, summary: Mapping[str, Any], exposition: str) -> Monitoring:
        """Reads both bodies. Raises KeyError, TypeError or ValueError if one has another shape."""
        cache, samples = summary["cache"], parse_samples(exposition)
        attempts: dict[str, dict[str, int]] = {}
        for (provider, outcome), count in sums_by_labels(
            samples, "tts_provider_requests_total", "provider", "outcome"
        ).items():
            attempts.setdefault(provider, {})[outcome] = count
        available = sums_by_label(samples, "tts_provider_available", "provider")
        degraded = sums_by_labels(samples, "tts_degraded", "kind", "provider")
        return cls(
            cache={result: int(cache[result]) for result in RESULTS},
            hit_rate=None if cache["hit_rate"] is None else float(cache["hit_rate"]),
            evictions=int(cache["evictions"]),
            providers={name: Provider.parse(entry) for name, entry in summary["providers"].items()},
            degraded=frozenset((entry["kind"], entry["provider"]) for entry in summary["degraded"]),
            prometheus_cache=sums_by_label(samples, "tts_cache_requests_total", "result"),
            outcomes=sums_by_label(samples, "tts_requests_total", "outcome"),
            attempts=attempts,
            available={name: bool(value) for name, value in available.items()},
            fallbacks={
                Fallback(*labels): count
                for labels, count in sums_by_labels(
                    samples, "tts_provider_fallbacks_total", "from", "to", "reason"
                ).items()
            },
            prometheus_degraded=frozenset((kind, provider) for (kind, provider), value in degraded.items() if value),
            audio_faults=sums_by_labels(samples, "tts_audio_faults_total").total(),
        )

    def failures(self, provider: str) -> int:
        """Returns the attempts that failed because of the provider, since the server's start."""
        return sum(self.attempts.get(provider, {}).get(outcome, 0) for outcome in FAILURES)

    def judged_attempts(self, provider: str) -> int:
        """Returns the attempts by which the provider is judged, since the server's start."""
        return self.attempts.get(provider, {}).get("ok", 0) + self.failures(provider)


def parse_samples(exposition: str) -> list[Sample]:
    """Returns every sample. Raises ValueError if it is not Prometheus text."""
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    ]


def sums_by_labels(samples: Sequence[Sample], name: str, *labels: str) -> Counter[tuple[str, ...]]:
    """Returns the sums of a metric's values, which are whole numbers, by the values of these labels.

    Raises KeyError for a sample without them.
    """
    sums: Counter[tuple[str, ...]] = Counter()
    for sample in samples:
        if sample.name == name:
            sums[tuple(sample.labels[label] for label in labels)] += round(sample.value)
    return sums


def sums_by_label(samples: Sequence[Sample], name: str, label: str) -> dict[str, int]:
    """Returns the sums of a metric's values by the values of one label."""
    return {value: count for (value,), count in sums_by_labels(samples, name, label).items()}


def increase(after: Mapping[Key, int], before: Mapping[Key, int]) -> Counter[Key]:
    """Returns the differences of counts between two times that are not zero."""
    differences = {key: after.get(key, 0) - before.get(key, 0) for key in after.keys() | before.keys()}
    return Counter({key: count for key, count in differences.items() if count})
