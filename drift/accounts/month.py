"""The period of an account: a month, or what is given."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from drift.errors import DriftError
from otel.contract.ranges import WORDS

MONTH = re.compile(r"(\d{4})-(0[1-9]|1[0-2])")


class MonthError(DriftError):
    """A month that is not written as 2026-11."""


@dataclass(frozen=True, slots=True)
class Span:
    """A period in UTC; ``end`` is not in it. ``name`` is used in names of files."""

    name: str
    start: datetime
    end: datetime

    @property
    def hours(self) -> float:
        return (self.end - self.start).total_seconds() / 3600


def by_length(name: str) -> int:
    """The sort key of the ranges of numbers of words: the shortest first."""
    return WORDS.labels.index(name) if name in WORDS.labels else len(WORDS.labels)


def month(name: str | None, now: datetime) -> Span:
    """Returns the month that ``name`` gives as 2026-11, the present one for None; never beyond ``now``.

    Raises MonthError.
    """
    name = name or f"{now.astimezone(UTC):%Y-%m}"
    match = MONTH.fullmatch(name)
    if match is None:
        raise MonthError("--month: must be a month such as 2026-11")
    year, number = int(match[1]), int(match[2])
    if not 2000 <= year < 2100:
        raise MonthError("--month: must be a month from 2000-01 to 2099-12")
    start = datetime(year, number, 1, tzinfo=UTC)
    following = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
    if start > now:
        raise MonthError(f"--month: {name} has not begun")
    return Span(name, start, min(following, now))
