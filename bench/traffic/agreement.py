"""Does the server's account of a run agree with what its client saw? Each disagreement is one sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.clients.client import Record
from bench.clients.texts import CHARACTER_RANGES, WORD_RANGES
from bench.targets.snapshot import EMPTY, Snapshot, Statistics

QUANTILE = 0.95
SKETCH = 0.01
"""The relative error that the server's quantiles may have."""


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How much shorter the server's time may be than the client's: the network and the client itself need some."""

    seconds: float
    share: float

    def allows(self, server: float, client: float) -> bool:
        """Whether the server's time is not too much shorter than the client's."""
        return server >= client - self.seconds - self.share * client


AVERAGE = Tolerance(seconds=0.05, share=0.10)
EXTREME = Tolerance(seconds=0.25, share=0.15)
"""Of p95 and maximum: a single request may meet a busy moment of the machine."""


@dataclass(frozen=True, slots=True)
class RangeSeen:
    """One range: what the client saw of the requests that ended ok, beside what the server says."""

    kind: str
    label: str
    durations: tuple[float, ...]
    """Ascending, in seconds."""
    server: Statistics

    @property
    def count(self) -> int:
        """How many requests the client saw end ok."""
        return len(self.durations)

    @property
    def average(self) -> float | None:
        """By the client, in seconds."""
        return sum(self.durations) / self.count if self.durations else None

    @property
    def max(self) -> float | None:
        """By the client, in seconds."""
        return self.durations[-1] if self.durations else None

    @property
    def p95(self) -> float | None:
        """By the client, in seconds: the lower of two neighbours."""
        return self.quantile_between()[0] if self.durations else None

    def quantile_between(self) -> tuple[float, float]:
        """The two neighbours that the quantile lies between: which one it is, definitions differ about."""
        rank = QUANTILE * (self.count - 1)
        return self.durations[math.floor(rank)], self.durations[math.ceil(rank)]


def ranges_seen(records: Sequence[Record], server: Snapshot) -> list[RangeSeen]:
    """Every range that either side knows something of, words first."""
    by_word = side_by_side("words", WORD_RANGES, records, lambda record: record.word_range, server.words)
    by_character = side_by_side(
        "characters", CHARACTER_RANGES, records, lambda record: record.character_range, server.characters
    )
    return by_word + by_character


def side_by_side(
    kind: str,
    labels: tuple[str, ...],
    records: Sequence[Record],
    range_of: Callable[[Record], str],
    server: dict[str, Statistics],
) -> list[RangeSeen]:
    """The ranges of one kind, also those that only the server knows."""
    ok = [record for record in records if record.outcome == "ok"]
    also = [label for label, statistics in server.items() if label not in labels and statistics.count]
    return [
        RangeSeen(
            kind,
            label,
            tuple(sorted(record.seconds for record in ok if range_of(record) == label)),
            server.get(label, EMPTY),
        )
        for label in (*labels, *also)
    ]


def compare(records: Sequence[Record], before: Snapshot, after: Snapshot) -> list[str]:
    """Every disagreement between the records and what the server counted between the snapshots."""
    if after.uptime < before.uptime:
        return ["The server was restarted during the run, so its counts began anew."]
    server = after.since(before)
    return [
        *compare_totals(records, server),
        *compare_errors(records, server),
        *(sentence for seen in ranges_seen(records, server) for sentence in compare_range(seen)),
        *faults(records),
    ]


def compare_totals(records: Sequence[Record], server: Snapshot) -> list[str]:
    """Requests and outcomes must be equal, and add up."""
    sentences = []
    if server.requests > len(records):
        sentences.append(
            f"The server counted {server.requests} requests and we sent {len(records)}: "
            "perhaps another client made traffic at the same time."
        )
    elif server.requests < len(records):
        sentences.append(f"The server counted only {server.requests} of our {len(records)} requests.")
    if sum(server.outcomes.values()) != server.requests:
        parts = " + ".join(str(count) for count in server.outcomes.values()) or "0"
        sentences.append(f"The server's outcomes ({parts}) do not add up to its {server.requests} requests.")
    seen = Counter(str(record.outcome) for record in records)
    sentences += [
        f"We saw {seen[outcome]} requests end as {outcome}, and the server counted {server.outcomes.get(outcome, 0)}."
        for outcome in ("ok", "error", "rejected", "cancelled")
        if seen[outcome] != server.outcomes.get(outcome, 0)
    ]
    if server.in_flight:
        sentences.append(f"All is quiet, and the server says that {server.in_flight} requests are in flight.")
    return sentences


def compare_errors(records: Sequence[Record], server: Snapshot) -> list[str]:
    """Errors must be equal in every type."""
    seen = Counter(record.error_type for record in records if record.error_type)
    return [
        f"We saw {seen[name]} errors of type {name}, and the server counted {server.errors.get(name, 0)}."
        for name in sorted(seen.keys() | server.errors.keys())
        if seen[name] != server.errors.get(name, 0)
    ]


def compare_range(seen: RangeSeen) -> list[str]:
    """Counts must be equal; only then do the durations speak of the same requests."""
    what = f"{seen.label} {seen.kind}"
    if seen.count != seen.server.count:
        return [f"We saw {seen.count} requests of {what} end ok, and the server counted {seen.server.count}."]
    if not seen.durations:
        return []
    average = seen.average or 0.0
    longest = seen.durations[-1]
    found = [
        disagreement(f"The average of {what}", seen.server.average, (average, average), AVERAGE),
        disagreement(f"The p95 of {what}", seen.server.p95, seen.quantile_between(), EXTREME, SKETCH),
        disagreement(f"The maximum of {what}", seen.server.max, (longest, longest), EXTREME),
    ]
    return [sentence for sentence in found if sentence]


def disagreement(
    what: str, server: float | None, between: tuple[float, float], tolerance: Tolerance, error: float = 0.0
) -> str | None:
    """A sentence if the server says more than the client saw between the two, or too much less."""
    low, high = between
    if server is None:
        return None
    if server > high * (1 + error):
        return f"{what} is {high:.3f} s as we saw it and {server:.3f} s by the server, which can't be longer."
    if not tolerance.allows(server * (1 + error), low):
        return (
            f"{what} is {low:.3f} s as we saw it and only {server:.3f} s by the server: "
            f"more than {tolerance.seconds * 1000:.0f} ms and {tolerance.share:.0%} less."
        )
    return None


def faults(records: Sequence[Record]) -> list[str]:
    """What is wrong with single answers: the same fault in one sentence, with the particulars of the first."""
    alike: dict[str, list[tuple[Record, str]]] = {}
    for record in records:
        for fault in record.faults:
            alike.setdefault(fault.partition(":")[0], []).append((record, fault))
    return [
        f"{len(found)} answer{'s' if len(found) > 1 else ''}, the first to request {first.request_id or '-'}: {fault}."
        for found in alike.values()
        for first, fault in found[:1]
    ]
