"""Hours of the week have names that people use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from drift.reference.calendar import ALL_HOURS, OTHER_HOURS, WEEK, hour_of_week, named, names


def hours(days: range | tuple[int, ...], *of_day: int) -> set[int]:
    return {day * 24 + hour for day in days for hour in of_day}


def test_the_week_begins_on_monday_in_utc():
    assert hour_of_week(datetime(2026, 11, 30, tzinfo=UTC)) == 0
    assert hour_of_week(datetime(2026, 12, 6, 23, 59, tzinfo=UTC)) == 167
    assert hour_of_week(datetime(2026, 11, 30, 1, tzinfo=timezone(timedelta(hours=2)))) == 167


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        (set(range(WEEK)), ALL_HOURS),
        (hours(range(7), 2, 3), "every day 02:00-04:00"),
        (hours(range(5), 2, 3), "Mondays to Fridays 02:00-04:00"),
        (hours((5, 6), *range(24)), "Saturdays and Sundays"),
        (hours((0,), 23), "Mondays 23:00-24:00"),
        (hours(range(7), 22, 23, 0, 1), "every day 22:00-02:00"),
        (hours((0, 2), 8, 9, 13), "Mondays and Wednesdays 08:00-10:00 and 13:00-14:00"),
        (hours(range(5), 2) | hours((5, 6), 4), "Mondays to Fridays 02:00-03:00, Saturdays and Sundays 04:00-05:00"),
    ],
)
def test_days_with_the_same_hours_are_named_together(chosen: set[int], name: str):
    assert named(chosen) == name


def test_the_most_hours_are_all_other_hours():
    batch = hours(range(7), 2, 3)
    assert names([set(range(WEEK)) - batch, batch]) == [OTHER_HOURS, "every day 02:00-04:00"]
    assert names([set(range(WEEK))]) == [ALL_HOURS]
