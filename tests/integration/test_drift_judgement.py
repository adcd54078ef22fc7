"""A few days of a simulated service: no alarm while nothing changes, each change found, and by its own name.

The full size is tests/long/test_drift_alarms.py.
"""

from __future__ import annotations

import pytest

from drift.reference.reference import Reference
from drift.verdict.evidently_report import evaluate
from drift.verdict.judge import judge
from otel.contract.drift_verdict import VerdictState
from tests.drift_simulation import WEEK, Alarms, judged, power, reference_of
from tests.drift_traffic import HOUR, Service, week

SERVICE = Service(31)
AFTER = 60
"""Hours that follow the week of the reference."""


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(SERVICE)


def test_two_days_and_a_half_without_a_change_are_without_an_alarm(reference):
    alarms = Alarms()
    alarms.count(judged(reference, week(SERVICE, WEEK + AFTER, first=WEEK)))
    assert alarms.windows == AFTER
    assert alarms.alarms == 0, alarms.columns
    assert alarms.states[VerdictState.STABLE] > 0.9 * AFTER


def test_evidently_raises_none_either(reference):
    verdicts = []
    for start, rows in week(SERVICE, WEEK + 8, first=WEEK):
        verdict, evidence = judge(start, start + HOUR, rows, len(rows), reference, verdicts[-1:], evaluation=evaluate)
        verdicts.append(verdict)
        assert evidence is not None or verdict.state is VerdictState.INSUFFICIENT_DATA
    assert VerdictState.DRIFT not in {verdict.state for verdict in verdicts}
    assert VerdictState.STABLE in {verdict.state for verdict in verdicts}


def test_each_change_is_found_in_two_windows_and_by_its_own_name(reference):
    for entry in power([(SERVICE, reference)], tries=4):
        assert entry.found >= 2, entry  # of four; the share is held to by the long test
        assert entry.misnamed == 0, entry
