"""Who uses how much: by client, voice, language, range and hour, week over week, and the forecast of the next week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drift.accounts.forecast import WEEK_HOURS, Forecast, forecast
from drift.accounts.month import Span, by_length
from drift.rows.period import Period

GROUPS = {
    "day": "strftime(moment, '%Y-%m-%d')",
    "client": "coalesce(client, 'unknown')",
    "tenant": "coalesce(tenant, 'unknown')",
    "voice": "coalesce(voice, 'none')",
    "language": "coalesce(language, 'none')",
    "word_range": "coalesce(word_range, '0')",
    "endpoint": "coalesce(endpoint, 'unknown')",
    "outcome": "coalesce(outcome, 'unknown')",
    "hour": "strftime(moment, '%H')",
    "weekday": "strftime(moment, '%u')",
}
"""By which requests are grouped, and each group's name in SQL: hours 00 to 23 in UTC, weekdays 1 (Monday) to 7."""
ORDERED = frozenset({"day", "hour", "weekday"})
COMPARED = ("client", "voice", "language")
"""What is compared with the week before."""
MOST_GROUPS = 1000
MOST_WEEKS = 12
"""The maximum number of weeks that the forecast looks back."""
HOUR = timedelta(hours=1)
WEEK = timedelta(weeks=1)

_AMOUNTS = """
    count(*) as requests, count(*) filter (outcome = 'ok') as ok,
    coalesce(sum(words) filter (outcome = 'ok'), 0)::bigint as words,
    coalesce(sum(characters) filter (outcome = 'ok'), 0)::bigint as characters,
    coalesce(sum(audio_duration) filter (outcome = 'ok'), 0.0) as audio_seconds
"""


@dataclass(frozen=True, slots=True)
class UsageGroup:
    """What a group of requests used; words, characters and audio are those of requests that ended ok."""

    name: str
    requests: int
    ok: int
    words: int
    characters: int
    audio_seconds: float


@dataclass(frozen=True, slots=True)
class WeeklyChange:
    """The requests of a group in the last week, and in the week before."""

    kind: str
    name: str
    before: int
    after: int

    @property
    def ratio(self) -> float | None:
        """``after`` as a multiple of ``before``; None if there was nothing before."""
        return self.after / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class WeekUsage:
    """The usage of seven days."""

    start: datetime
    usage: UsageGroup


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The usage of a period, and its trend until the period's end."""

    span: Span
    total: UsageGroup
    groups: dict[str, tuple[UsageGroup, ...]]
    hours: tuple[tuple[int, ...], ...]
    """Requests by weekday, Monday first, and hour of the day in UTC."""
    weeks: tuple[WeekUsage, ...]
    """The full weeks up to the end, the oldest first."""
    changes: tuple[WeeklyChange, ...]
    """Last week against the one before, the largest differences first; none with less than two weeks."""
    forecast: Forecast | None
    """None with less than two weeks of rows."""


def usage(period: Period, span: Span) -> UsageReport:
    """Returns the usage in ``span``; the rows of ``period`` may begin weeks before it, for the trend.

    Raises RowsDamaged.
    """
    start, end = _naive(span.start), _naive(span.end)
    inside = {kind: _groups(period, sql, start, end, ordered=kind in ORDERED) for kind, sql in GROUPS.items()}
    total = _groups(period, "'all'", start, end, ordered=False)
    last = span.end.replace(minute=0, second=0, microsecond=0)
    weeks = _weeks(period, last)
    return UsageReport(
        span,
        total[0] if total else UsageGroup("all", 0, 0, 0, 0, 0.0),
        inside,
        _by_hour(period, start, end),
        tuple(weeks),
        _changes(period, last) if len(weeks) > 1 else (),
        forecast(_hourly(period, last, len(weeks)), last) if len(weeks) > 1 else None,
    )


def _groups(period: Period, sql: str, start: datetime, end: datetime, *, ordered: bool) -> tuple[UsageGroup, ...]:
    order = "name" if ordered else "requests desc, name"
    rows = period.rows(
        f"select {sql} as name, {_AMOUNTS} from requests where moment >= $start and moment < $end"  # noqa: S608 - our own SQL
        f" group by name order by {order} limit {MOST_GROUPS}",
        start=start,
        end=end,
    )
    groups = [UsageGroup(**row) for row in rows]
    if sql == GROUPS["word_range"]:
        groups.sort(key=lambda group: by_length(group.name))
    return tuple(groups)


def _by_hour(period: Period, start: datetime, end: datetime) -> tuple[tuple[int, ...], ...]:
    counts = [[0] * 24 for _ in range(7)]
    for row in period.rows(
        "select isodow(moment) as day, hour(moment) as hour, count(*) as requests from requests"
        " where moment >= $start and moment < $end group by day, hour",
        start=start,
        end=end,
    ):
        counts[row["day"] - 1][row["hour"]] = row["requests"]
    return tuple(map(tuple, counts))


def _weeks(period: Period, last: datetime) -> list[WeekUsage]:
    """Returns the weeks that end with ``last``, back to the first row. A week is full if rows begin before it, or
    within its first day."""
    first = period.one("select min(moment) as first from requests")["first"]
    if first is None:
        return []
    weeks: list[WeekUsage] = []
    for back in range(1, MOST_WEEKS + 1):
        start = last - back * WEEK
        if first >= _naive(start + timedelta(days=1)):
            break
        found = _groups(period, "'all'", _naive(start), _naive(start + WEEK), ordered=False)
        weeks.append(WeekUsage(start, found[0] if found else UsageGroup("all", 0, 0, 0, 0, 0.0)))
    return weeks[::-1]


def _changes(period: Period, last: datetime) -> tuple[WeeklyChange, ...]:
    changes = []
    for kind in COMPARED:
        rows = period.rows(
            f"select {GROUPS[kind]} as name, count(*) filter (moment < $middle) as before,"  # noqa: S608 - our own SQL
            " count(*) filter (moment >= $middle) as after from requests"
            " where moment >= $start and moment < $end group by name",
            start=_naive(last - 2 * WEEK),
            middle=_naive(last - WEEK),
            end=_naive(last),
        )
        changes += [WeeklyChange(kind, **row) for row in rows]
    return tuple(sorted(changes, key=lambda change: (-abs(change.after - change.before), change.kind, change.name)))


def _hourly(period: Period, last: datetime, weeks: int) -> list[int]:
    """Returns the requests of each hour of the weeks before ``last``."""
    start = last - weeks * WEEK
    counts = [0] * (weeks * WEEK_HOURS)
    for row in period.rows(
        "select date_diff('hour', $start, moment) as hour, count(*) as requests from requests"
        " where moment >= $start and moment < $end group by hour",
        start=_naive(start),
        end=_naive(last),
    ):
        counts[row["hour"]] = row["requests"]
    return counts


def _naive(moment: datetime) -> datetime:
    """Returns the moment as DuckDB's timestamps without a zone have it: in UTC."""
    return moment.astimezone(UTC).replace(tzinfo=None)
