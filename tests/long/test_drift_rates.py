"""Hundreds of weeks of outcomes alone: how often the tests of windows in a row cry wolf over errors, and their power.

About ten minutes on one core.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.drift_rates import WEEK, FailingService, hours_until_found, span_tests_of, usual

WEEKS = 20
KINDS = (
    {"rows": 400},
    {"rows": 250, "variation": 0.3},
    {"rows": 1000, "day": 0.9},
    {"rows": 600, "day": 0.9, "variation": 0.3, "memory": 0.0},
    {"rows": 1000, "day": 0.9, "variation": 0.3, "errors": 0.02},
)
SEEDS = 8
pytestmark = pytest.mark.timeout(3600)


def test_at_most_one_false_alarm_in_eight_hundred_weeks() -> None:
    """The budget of the counts together is one in 400 weeks over six columns; this is one column."""
    alarms = []
    for number, kind in enumerate(KINDS):
        for seed in range(SEEDS):
            service = FailingService(seed=100 * number + seed, **kind)
            hours = list(service.hours((1 + WEEKS) * WEEK))
            begun, before = 0, False
            for test in span_tests_of(hours[WEEK:], usual(service)):
                begun += bool(test.windows) and not before
                before = bool(test.windows)
            alarms.append(begun)
        print(kind, alarms[-SEEDS:])
    assert sum(alarms) <= 1, alarms


@pytest.mark.parametrize(("rows", "hours"), [(900, 3), (600, 4)])
def test_errors_at_night_are_found(rows: int, hours: int) -> None:
    """At two in the night, with 0.42 of the requests: 380 and 250."""
    found = []
    for seed in range(20):
        service = FailingService(seed, rows, day=0.9)
        expected = usual(service)
        found += [hours_until_found(service, expected, WEEK + 24 * day) for day in range(5)]
    print(rows, sorted(found))
    assert np.mean(np.array(found) <= hours) >= 0.8
