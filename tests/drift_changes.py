"""Simulated services before the sequential tests: how often they cry wolf, and how soon they find a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from drift.columns.frame import sample
from drift.sequential.expectation import MOST_ROWS, Expectation, fit
from drift.sequential.monitor import Monitor, Report
from drift.sequential.request_values import request_values
from tests.drift_traffic import HOUR, MONDAY, Hour, Service, rows_of, week

WEEK = 168
Alter = Callable[[Hour], Hour]


def expectation_of(service: Service, hours: int = WEEK) -> Expectation:
    """Of the service's first hours."""
    windows = [rows for _, rows in week(service, hours)]
    expectation = _fitted(windows, MONDAY + hours * HOUR)
    assert expectation is not None
    return expectation


def _fitted(windows: list[pd.DataFrame], now: datetime) -> Expectation | None:
    known = pd.concat(windows, ignore_index=True)
    return fit(request_values(known.iloc[sample(len(known), min(len(known), MOST_ROWS))]), now.timestamp())


@dataclass(slots=True)
class Quiet:
    """What was reported of a service in which nothing changed."""

    hours: int = 0
    requests: int = 0
    reports: list[Report] = field(default_factory=list)

    @property
    def alarms(self) -> int:
        return sum(report.change.ended is None for report in self.reports)


def quiet(
    service: Service, expectation: Expectation, hours: int, *, first: int = WEEK, renewed: int = 24, at_once: int = 1
) -> Quiet:
    """Of the hours after the expectation's, from ``first`` on, so many ``at_once``; it is renewed every so many hours
    from the last week."""
    monitor, result = Monitor(), Quiet()
    past: list[pd.DataFrame] = []
    batch: list[pd.DataFrame] = []
    for number, (start, rows) in enumerate(week(service, first + hours)):
        if renewed and number > first and number % renewed == 0:
            expectation = _fitted(past, start) or expectation
        past = [*past[-(WEEK - 1) :], rows]
        if number < first:
            continue
        batch.append(rows)
        result.hours += 1
        result.requests += len(rows)
        if len(batch) == at_once or number == first + hours - 1:
            together = request_values(pd.concat(batch, ignore_index=True))
            result.reports += monitor.feed(together, expectation, (start + HOUR).timestamp())
            batch = []
    return result


def changed(
    service: Service, expectation: Expectation, alter: Alter, seed: int, *, build: str = "", hours: int = 12
) -> tuple[list[Report], pd.DataFrame]:
    """Two quiet hours at some hour of the week after the expectation, then a change within the third.

    Returns the reports, and the requests since the change.
    """
    rng = np.random.default_rng((service.seed, seed))
    first = WEEK + int(rng.integers(0, WEEK))
    part = timedelta(hours=float(rng.random()))
    monitor, reports, after = Monitor(), [], []
    for number, (start, hour) in enumerate(_hours(service, first, hours + 2)):
        rows = rows_of(hour, start, rng)
        if number >= 2:
            altered = rows_of(alter(hour), start, rng)
            altered["request_id"] = altered["request_id"] + "c"
            if build:
                altered["build"] = build
            moment = pd.Timestamp(start + (part if number == 2 else timedelta(0)))
            rows = pd.concat([rows[rows["time"] < moment], altered[altered["time"] >= moment]], ignore_index=True)
            after.append(rows[rows["time"] >= moment])
        reports += monitor.feed(request_values(rows), expectation, (start + HOUR).timestamp())
        if number >= 2 and any(report.change.ended is None for report in reports):
            break
    return reports, pd.concat(after, ignore_index=True)


def _hours(service: Service, first: int, count: int) -> Iterator[tuple[datetime, Hour]]:
    for number, each in enumerate(service.hours(first + count)):
        if number >= first:
            yield each


def delay(reports: list[Report], after: pd.DataFrame) -> tuple[int | None, Report | None]:
    """Requests, of all kinds, from the change until it was first reported, and that report; None if it never was."""
    since = after["time"].iloc[0].timestamp()
    begun = [r for r in reports if r.change.ended is None and r.change.found >= since]
    if not begun:
        return None, None
    first = min(begun, key=lambda report: report.change.found)
    return int((after["time"] <= pd.Timestamp(first.change.found + 1e-6, unit="s", tz="UTC")).sum()), first
