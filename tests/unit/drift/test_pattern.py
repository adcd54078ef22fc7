"""The hours of the week are told apart where the past shows that they differ, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest

from drift.columns.frame import Frame, prepare
from drift.reference.calendar import names
from drift.reference.pattern import HOURS, Pattern, find
from tests.drift_traffic import HOUR, MONDAY, Hour, Service, rows_of

ROWS = 60


@cache
def found(change: Callable[[Hour], Hour], days: int, seed: int = 1, memory: float = 0.6) -> Pattern:
    """What is found in so many days of a service whose hours are put through ``change``."""
    service = Service(seed, rows=ROWS, steady=True, memory=memory)
    starts, frames = [], []
    for start, hour in service.hours(24 * days):
        starts.append(start)
        frames.append(_frame(change(hour) if BUSY[change](start.weekday(), start.hour) else hour, len(starts), seed))
    return find(starts, frames, 3600)


def _frame(hour: Hour, number: int, seed: int) -> Frame:
    start = MONDAY + number * HOUR
    return prepare(rows_of(hour, start, np.random.default_rng((seed, number))))


def same(hour: Hour) -> Hour:
    return hour


def night(hour: Hour) -> Hour:
    return replace(hour, words=6.0, voices=np.array([0.1, 0, 0.9, 0, 0]))


def working_night(hour: Hour) -> Hour:
    return night(hour)


def weekend(hour: Hour) -> Hour:
    return replace(hour, words=3.0, streams=0.9)


def slight(hour: Hour) -> Hour:
    return replace(hour, words=hour.words * 1.03)


BUSY: dict[Callable[[Hour], Hour], Callable[[int, int], bool]] = {
    same: lambda day, hour: False,
    night: lambda day, hour: hour in (2, 3),
    working_night: lambda day, hour: hour in (2, 3) and day < 5,
    weekend: lambda day, hour: day >= 5,
    slight: lambda day, hour: hour in (2, 3),
}


@pytest.mark.parametrize(("seed", "memory"), [(1, 0.6), (3, 0.9)])
def test_a_service_without_a_pattern_has_one_reference(seed: int, memory: float):
    pattern = found(same, 7, seed, memory)
    assert pattern.groups == (HOURS,)
    assert pattern.reason.startswith("the past shows no pattern by hour (p ")


def test_a_nightly_batch_is_told_apart():
    pattern = found(night, 7)
    assert names(pattern.groups) == ["all other hours", "every day 02:00-04:00"]
    assert "hours differ in" in pattern.reason
    assert "p 0.001" in pattern.reason
    assert sorted(hour for group in pattern.groups for hour in group) == list(HOURS)


def test_a_batch_on_working_days_is_told_from_other_nights():
    assert names(found(working_night, 7).groups) == ["all other hours", "Mondays to Fridays 02:00-04:00"]


def test_weekends_need_two_weeks():
    """Two days of seven are as often the ones that differ by chance: one week in 21."""
    assert found(weekend, 7).groups == (HOURS,)
    assert set(names(found(weekend, 14).groups)) == {"all other hours", "Saturdays and Sundays"}


def test_a_difference_that_does_not_matter_is_none():
    assert found(slight, 14).groups == (HOURS,)


def test_too_little_past_is_said():
    pattern = found(night, 6)
    assert pattern.groups == (HOURS,)
    assert pattern.reason == "a pattern by hour needs windows of 7 days, and there are 6"


def test_windows_of_a_day_have_no_hours():
    frame = _frame(Hour(rows=ROWS), 0, 1)
    starts = [MONDAY + number * timedelta(days=1) for number in range(30)]
    assert find(starts, [frame] * 30, 86_400).groups == (HOURS,)


def test_windows_of_minutes_are_averaged_by_the_hour():
    starts, frames = [], []
    for number in range(24 * 7):
        start = MONDAY + number * HOUR
        for half in range(2):
            starts.append(start + half * HOUR / 2)
            hour = Hour(rows=ROWS)
            frames.append(_frame(night(hour) if start.hour in (2, 3) else hour, 2 * number + half, 5))
    assert names(find(starts, frames, 1800).groups) == ["all other hours", "every day 02:00-04:00"]
