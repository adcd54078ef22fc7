"""Compares the server's metrics of a run with the client's records; each disagreement is one sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.clients.client import Record
from bench.clients.texts import CHARACTER_RANGES, WORD_RANGES
from bench.targets.snapshot import EMPTY, Snapshot, Statistics

QUANTILE = 0.95
SKETCH_ERROR = 0.01
"""The relative error of the server's quantiles."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """The tolerated difference of the server's time from the client's, which includes the network and the client."""

    seconds: float
    share: float

    def allows(self, server: float, client: float) -> bool:
        """Returns whether the server's time is not too much shorter than the client's."""
        return server >= client - self.seconds - self.share * client


AVERAGE = Tolerance(seconds=0.05, share=0.10)
EXTREME = Tolerance(seconds=0.25, share=0.15)
"""The tolerance for p95 and maximum: a single request can be delayed by other load on the machine."""


@dataclass(frozen=True, slots=True)
class RangeComparison:
    """The client's durations and the server's statistics of one range, for requests that ended ok."""

    kind: str
    label: str
    durations: tuple[float, ...]
    """The client's durations in seconds, ascending."""
    server: Statistics

    @property
    def count(self) -> int:
        """The client's number of requests that ended ok."""
        return len(self.durations)

    @property
    def average(self) -> float | None:
        """The client's average in seconds."""
        return sum(self.durations) / self.count if self.durations else None

    @property
    def max(self) -> float | None:
        """The client's maximum in seconds."""
        return self.durations[-1] if self.durations else None

    @property
    def p95(self) -> float | None:
        """The client's p95 in seconds: the lower of two neighbours."""
        return self.quantile_between()[0] if self.durations else None

    def quantile_between(self) -> tuple[float, float]:
        """Returns the two neighbours of the quantile, between which definitions differ."""
        rank = QUANTILE * (self.count - 1)
        return self.durations[math.floor(rank)], self.durations[math.ceil(rank)]


def compared_ranges(records: Sequence[Record], server: Snapshot) -> list[RangeComparison]:
    """Returns every range of the client or the server, words first."""
    by_word = compared_ranges_of("words", WORD_RANGES, records, lambda record: record.word_range, server.words)
    by_character = compared_ranges_of(
        "characters", CHARACTER_RANGES, records, lambda record: record.character_range, server.characters
    )
    return by_word + by_character


def compared_ranges_of(
    kind: str,
    labels: tuple[str, ...],
    records: Sequence[Record],
    range_of: Callable[[Record], str],
    server: dict[str, Statistics],
) -> list[RangeComparison]:
    """Returns the ranges of one kind, including those that only the server has."""
    ok = [record for record in records if record.outcome == "ok"]
    server_labels = [label for label, statistics in server.items() if label not in labels and statistics.count]
    return [
        RangeComparison(
            kind,
            label,
            tuple(sorted(record.seconds for record in ok if range_of(record) == label)),
            server.get(label, EMPTY),
        )
        for label in (*labels, *server_labels)
    ]


def compare(records: Sequence[Record], before: Snapshot, after: Snapshot) -> list[str]:
    """Returns every disagreement between the records and the server's counts between the snapshots."""
    if after.uptime < before.uptime:
        return ["The server was restarted during the run, so its counts began anew."]
    server = after.since(before)
    return [
        *compare_totals(records, server),
        *compare_errors(records, server),
        *(sentence for comparison in compared_ranges(records, server) for sentence in compare_range(comparison)),
        *faults(records),
    ]


def compare_totals(records: Sequence[Record], server: Snapshot) -> list[str]:
    """The numbers of requests and of outcomes must be equal, and the outcomes must add up."""
    sentences = []
    if server.requests > len(records):
        sentences.append(
            f"The server counted {server.requests} requests and we sent {len(records)}: "
            "perhaps another client made traffic at the same time."
        )
    elif server.requests < len(records):
        sentences.append(f"The server counted only {server.requests} of our {len(records)} requests.")
    if sum(server.outcomes.values()) != server.requests:
        addends = " + ".join(str(count) for count in server.outcomes.values()) or "0"
        sentences.append(f"The server's outcomes ({addends}) do not add up to its {server.requests} requests.")
    outcomes = Counter(str(record.outcome) for record in records)
    sentences += [
        f"We saw {outcomes[name]} requests end as {name}, and the server counted {server.outcomes.get(name, 0)}."
        for name in ("ok", "error", "rejected", "cancelled")
        if outcomes[name] != server.outcomes.get(name, 0)
    ]
    if server.in_flight:
        sentences.append(f"All is quiet, and the server says that {server.in_flight} requests are in flight.")
    return sentences


def compare_errors(records: Sequence[Record], server: Snapshot) -> list[str]:
    """The number of errors of each type must be equal."""
    errors = Counter(record.error_type for record in records if record.error_type)
    return [
        f"We saw {errors[name]} errors of type {name}, and the server counted {server.errors.get(name, 0)}."
        for name in sorted(errors.keys() | server.errors.keys())
        if errors[name] != server.errors.get(name, 0)
    ]


def compare_range(comparison: RangeComparison) -> list[str]:
    """The counts of a range must be equal, and then its durations must agree."""
    subject = f"{comparison.label} {comparison.kind}"
    if comparison.count != comparison.server.count:
        return [
            f"We saw {comparison.count} requests of {subject} end ok, and the server counted {comparison.server.count}."
        ]
    if not comparison.durations:
        return []
    average = comparison.average or 0.0
    maximum = comparison.durations[-1]
    disagreements = [
        disagreement(f"The average of {subject}", comparison.server.average, (average, average), AVERAGE),
        disagreement(
            f"The p95 of {subject}", comparison.server.p95, comparison.quantile_between(), EXTREME, SKETCH_ERROR
        ),
        disagreement(f"The maximum of {subject}", comparison.server.max, (maximum, maximum), EXTREME),
    ]
    return [sentence for sentence in disagreements if sentence]


def disagreement(
    subject: str, server: float | None, bounds: tuple[float, float], tolerance: Tolerance, relative_error: float = 0.0
) -> str | None:
    """Returns a sentence if the server's value is above the client's two bounds, or too far below them."""
    low, high = bounds
    if server is None:
        return None
    if server > high * (1 + relative_error):
        return f"{subject} is {high:.3f} s as we saw it and {server:.3f} s by the server, which can't be longer."
    if not tolerance.allows(server * (1 + relative_error), low):
        return (
            f"{subject} is {low:.3f} s as we saw it and only {server:.3f} s by the server: "
            f"more than {tolerance.seconds * 1000:.0f} ms and {tolerance.share:.0%} less."
        )
    return None


def faults(records: Sequence[Record]) -> list[str]:
    """Returns a sentence for each kind of fault in single answers, with the details of the first one."""
    groups: dict[str, list[tuple[Record, str]]] = {}
    for record in records:
        for fault in record.faults:
            groups.setdefault(fault.partition(":")[0], []).append((record, fault))
    return [
        f"{len(group)} answer{'s' if len(group) > 1 else ''}, the first to request {first.request_id or '-'}: {fault}."
        for group in groups.values()
        for first, fault in group[:1]
    ]
