"""Simulated services with a calendar: nightly batches, batches on working days, weekends of another traffic.

Each is ``tests.drift_traffic.Service``, whose hours differ by day, night and weekend, with its own hours put over it.
``KINDS`` says of each what it is; what changes is put into all hours from a moment on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from itertools import islice

import numpy as np
import pandas as pd

from drift.reference.calibration import calibrate
from drift.reference.reference import Reference
from otel.contract.drift_verdict import Verdict, VerdictState
from tests.drift_simulation import WEEK, judged
from tests.drift_traffic import HOUR, MONDAY, Hour, Service, rows_of

Days = frozenset[int]
EVERY_DAY, WORKING_DAYS, WEEKEND = frozenset(range(7)), frozenset(range(5)), frozenset((5, 6))
STEADY = 0.3
"""Times the variation of ``Service``: hours differ in latency by 2 %, as on a machine of one's own, not by 7 %."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Long texts in one voice, not streamed, beside the traffic of their hours."""

    days: Days
    hours: frozenset[int]
    rows: int = 1200
    words: float = 6.0
    voice: int = 2

    def hour(self, beside: Hour) -> Hour:
        """The batch in an hour whose other traffic is ``beside``: the queue is longer, and nothing comes from the
        cache."""
        voices = np.zeros_like(beside.voices)
        voices[self.voice] = 1.0
        return replace(
            beside, rows=self.rows, words=self.words, voices=voices, streams=0.0, hits=0.0, queue=beside.queue * 4
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of service: its calendar."""

    name: str
    batches: tuple[Batch, ...] = ()
    weekend: Callable[[Hour], Hour] | None = None
    """What an hour of a weekend is like."""
    day: Callable[[Hour], Hour] | None = None
    """What an hour from 08:00 to 18:00 on a working day is like."""


def _readers(hour: Hour) -> Hour:
    """At weekends people read: half of the texts, in another voice, three times as long, streamed."""
    return replace(hour, voices=np.array([0.15, 0.1, 0.1, 0.6, 0.05]), words=hour.words * 3, streams=0.8)


def _desk(hour: Hour) -> Hour:
    """At a desk: short texts, many of them known, not streamed."""
    return replace(hour, words=hour.words * 0.4, streams=0.1, hits=0.5)


NIGHTLY = Batch(EVERY_DAY, frozenset({2, 3}))
KINDS = {
    kind.name: kind
    for kind in (
        Kind("days"),
        Kind("nightly batch", (NIGHTLY,)),
        Kind("batch on working days", (replace(NIGHTLY, days=WORKING_DAYS),)),
        Kind("weekends", weekend=_readers),
        Kind("office hours", day=_desk),
        Kind("everything", (NIGHTLY, Batch(WORKING_DAYS, frozenset({13}), voice=3)), _readers, _desk),
    )
}

Change = Callable[[Hour, int], Hour]
"""What an hour becomes, so many hours after the change."""
FAULTS: dict[str, tuple[int, Change]] = {
    "errors +2 points": (3, lambda hour, _: replace(hour, errors=hour.errors + 0.02)),
    "25 % slower": (6, lambda hour, _: replace(hour, latency=hour.latency * 1.25)),
    "1 % slower each hour": (15, lambda hour, since: replace(hour, latency=hour.latency * 1.01 ** (since + 1))),
}
"""By name: the hours within which it is to be found, and what it does."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """A service that goes on for weeks."""

    kind: Kind
    seed: int
    variation: float = STEADY
    memory: float = 0.6
    rows: int = 1000

    def windows(
        self, hours: int, first: int = 0, change: Change | None = None, since: int = 0
    ) -> Iterator[tuple[datetime, pd.DataFrame]]:
        """The windows of so many hours, without those before ``first``; changed from the hour ``since`` on."""
        service = Service(self.seed, self.rows, variation=self.variation, memory=self.memory)
        for number, (start, usual) in enumerate(islice(service.hours(hours, MONDAY), hours)):
            if number >= first:
                rng = np.random.default_rng((self.seed, number))
                parts = self._hours(start, usual)
                if change is not None and number >= since:
                    parts = [change(part, number - since) for part in parts]
                yield start, _joined([rows_of(part, start, rng) for part in parts])

    def _hours(self, start: datetime, usual: Hour) -> list[Hour]:
        kind = self.kind
        working = start.weekday() < 5
        if kind.weekend is not None and not working:
            usual = kind.weekend(usual)
        if kind.day is not None and working and 8 <= start.hour < 18:
            usual = kind.day(usual)
        batches = [b.hour(usual) for b in kind.batches if start.weekday() in b.days and start.hour in b.hours]
        return [usual, *batches]

    def reference(self, weeks: int = 1) -> Reference:
        """Of the first weeks."""
        return calibrate(self.windows(weeks * WEEK), created=MONDAY)


NIGHTLY_SERVICE = Simulated(KINDS["nightly batch"], 1)


@cache
def nightly_reference() -> Reference:
    """Of a week with a batch every night."""
    return NIGHTLY_SERVICE.reference()


def _joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if len(parts) == 1:
        return parts[0]
    named = [part.assign(request_id=part["request_id"] + f"-{number}") for number, part in enumerate(parts)]
    return pd.concat(named, ignore_index=True)


def hours_until_found(
    simulated: Simulated, reference: Reference, fault: str, since: int, hours: int = 63
) -> int | None:
    """The number of hours after which a fault that begins at the hour ``since`` is drift; None if never."""
    windows = simulated.windows(since + hours, since - 2, FAULTS[fault][1], since)
    verdicts: list[Verdict] = []
    for start, rows in windows:
        verdicts += judged(reference, [(start, rows)], verdicts)
        if verdicts[-1].state is VerdictState.DRIFT:
            return round((start - MONDAY) / HOUR) + 1 - since
    return None
