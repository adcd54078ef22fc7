"""Chooses the windows that the job makes a reference of by itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime

from otel.contract.drift_verdict import DECIDED, Verdict, VerdictState

USUAL = frozenset({VerdictState.STABLE, VerdictState.NO_REFERENCE})
LEAST_DATES = 3
"""The minimum number of dates on which an hour of the day was unusual, to count as one that always is."""
MOST_HOURS = 12
"""The maximum number of hours of the day that can be unusual: a change that stays makes all of them so."""


def usable(verdicts: Sequence[Verdict], minimum_rows: int) -> list[datetime]:
    """Returns the starts of the windows that show the service as it is, of ``verdicts``, oldest first.

    A cold reference does not know the hours of the day and calls a nightly batch drift. What is unusual in the same
    hours of most days is the service's own; without it, no later reference would know the batch either.
    """
    enough = [verdict for verdict in verdicts if verdict.rows >= minimum_rows]
    own = _unusual_hours(enough)
    return [v.start for v in enough if v.state in USUAL or (v.state in DECIDED and _hour(v) in own)]


def _unusual_hours(verdicts: Sequence[Verdict]) -> frozenset[int]:
    """Returns the hours of the day of which most windows are unusual; none if these are most hours."""
    by_hour: dict[int, list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.state in DECIDED:
            by_hour[_hour(verdict)].append(verdict)
    unusual = frozenset(hour for hour, of_hour in by_hour.items() if _mostly_unusual(of_hour))
    return unusual if len(unusual) <= MOST_HOURS else frozenset()


def _mostly_unusual(verdicts: Sequence[Verdict]) -> bool:
    dates = {verdict.start.astimezone(UTC).date() for verdict in verdicts if verdict.state not in USUAL}
    every = {verdict.start.astimezone(UTC).date() for verdict in verdicts}
    return len(dates) >= LEAST_DATES and 2 * len(dates) > len(every)


def _hour(verdict: Verdict) -> int:
    return verdict.start.astimezone(UTC).hour
