"""A thousand days without a change, and how soon changes are found: the promises of the sequential tests.

Twenty services of 50 days, quiet and busy, whose hours resemble their neighbours or do not. About an hour on one core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tests.drift_changes import changed, delay, expectation_of, quiet
from tests.drift_traffic import Hour, Service

DAYS = 50
ROWS = (300, 100, 30, 1000)
MEMORIES = (0.6, 0.9, 0.0, 0.6, 0.6)
pytestmark = pytest.mark.timeout(7200)


def test_at_most_one_false_alarm_in_a_thousand_days() -> None:
    alarms = []
    for seed in range(400, 420):
        service = Service(seed, rows=ROWS[seed % len(ROWS)], memory=MEMORIES[seed % len(MEMORIES)])
        result = quiet(service, expectation_of(service), DAYS * 24, renewed=24 * 7, at_once=24)
        alarms += [report for report in result.reports if report.change.ended is None]
        print(seed, service.rows, service.memory, result.requests, len(alarms))
    assert len(alarms) <= 1, alarms


@pytest.mark.parametrize(
    ("alter", "most", "share"),
    [
        (lambda hour: replace(hour, latency=hour.latency * 1.5), 150, 0.75),
        (lambda hour: replace(hour, latency=hour.latency * 2.0), 150, 0.95),
        (lambda hour: replace(hour, fallbacks=1.0), 20, 0.95),
        (lambda hour: replace(hour, fallbacks=0.7), 20, 0.75),
    ],
)
def test_changes_are_found_soon(alter: Callable[[Hour], Hour], most: int, share: float) -> None:
    service = Service(1)
    expectation = expectation_of(service)
    found = [delay(*changed(service, expectation, alter, seed, hours=3))[0] for seed in range(40)]
    within = np.mean([count is not None and count <= most for count in found])
    print(sorted(count or 10**6 for count in found))
    assert within >= share
