"""The hours of the week that have a reference of their own, and their names."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime

DAY, WEEK = 24, 168
"""Hours."""
DAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
ALL_HOURS = "all hours"
OTHER_HOURS = "all other hours"


def hour_of_week(time: datetime) -> int:
    """Returns the hour of the week in UTC: 0 from Monday 00:00 on, 167 from Sunday 23:00 on."""
    time = time.astimezone(UTC)
    return time.weekday() * DAY + time.hour


def named(hours: Collection[int]) -> str:
    """Returns ``hours`` of the week in words, as "Mondays to Fridays 02:00-04:00"; "all hours" if it is the week.

    Days with the same hours are named together, and hours that follow each other as one period.
    """
    if len(set(hours)) == WEEK:
        return ALL_HOURS
    by_day = {day: frozenset(h - day * DAY for h in hours if h // DAY == day) for day in range(7)}
    parts: dict[frozenset[int], list[int]] = {}
    for day, of_day in by_day.items():
        if of_day:
            parts.setdefault(of_day, []).append(day)
    return ", ".join(
        f"{_days(days)} {_periods(of_day, around_midnight=len(days) == 7)}".rstrip() for of_day, days in parts.items()
    )


def names(groups: Iterable[Collection[int]]) -> list[str]:
    """Returns the name of each of the groups that the week is divided into; the largest is "all other hours"."""
    every = list(groups)
    if len(every) == 1:
        return [named(every[0])]
    largest = max(range(len(every)), key=lambda place: len(every[place]))
    return [OTHER_HOURS if place == largest else named(hours) for place, hours in enumerate(every)]


def _days(days: list[int]) -> str:
    if len(days) == 7:
        return "every day"
    runs = _runs(days)
    said = [
        DAYS[first] if first == last else f"{DAYS[first]} {'and' if last == first + 1 else 'to'} {DAYS[last]}"
        for first, last in runs
    ]
    return " and ".join(said)


def _periods(hours: Collection[int], *, around_midnight: bool) -> str:
    """Returns hours of the day as periods, "" for a whole day; only on all days a period can pass midnight."""
    if len(hours) == DAY:
        return ""
    runs = _runs(sorted(hours))
    if around_midnight and len(runs) > 1 and runs[0][0] == 0 and runs[-1][1] == DAY - 1:
        runs = [*runs[1:-1], (runs[-1][0], runs[0][1])]
    return " and ".join(f"{first:02}:00-{(last + 1) % DAY or DAY:02}:00" for first, last in runs)


def _runs(ascending: Collection[int]) -> list[tuple[int, int]]:
    """Returns the first and the last number of each run of numbers that follow each other."""
    runs: list[tuple[int, int]] = []
    for number in ascending:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs
