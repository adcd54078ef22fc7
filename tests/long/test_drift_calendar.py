"""Twenty weeks of each kind of service, with days, weekends and batches: no alarm, and what it finds within hours.

About an hour on one core. ``pytest -s`` shows the table; tests/unit/drift/test_hours.py is the short version.
"""

from __future__ import annotations

import pytest

from drift.reference.calibration import calibrate
from drift.reference.past import usable
from otel.contract.drift_verdict import Verdict
from tests.drift_services import FAULTS, KINDS, Simulated, hours_until_found
from tests.drift_simulation import WEEK, Alarms, judged
from tests.drift_traffic import MONDAY

WEEKS = 20
MOMENTS = (20, 45, 70, 95, 120, 145)
"""Hours after the reference at which a fault begins: all times of day, working days and a weekend."""
QUIET, QUIET_HOURS = 450, 6
"""Where one of the first hours has fewer requests, as at night, errors are to be found within so many hours."""
pytestmark = pytest.mark.timeout(7200)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_no_alarm_in_twenty_weeks_and_small_changes_in_time(kind: str, seed: int):
    simulated = Simulated(KINDS[kind], seed)
    reference = simulated.reference()
    for fault, (hours, _) in FAULTS.items():
        found = [hours_until_found(simulated, reference, fault, WEEK + moment) for moment in MOMENTS]
        most = [QUIET_HOURS if is_quiet(simulated, fault, WEEK + moment) else hours for moment in MOMENTS]
        print(f"{kind}, {seed}: {fault} after {found} hours, promised {most}")
        assert all(number is not None and number <= bound for number, bound in zip(found, most, strict=True)), fault
    alarms = Alarms()
    alarms.count(judged(reference, simulated.windows((WEEKS + 1) * WEEK, WEEK)))
    print(f"{kind}, {seed}: {alarms}")
    assert alarms.alarms == 0, alarms.columns


def is_quiet(simulated: Simulated, fault: str, since: int) -> bool:
    """Whether an hour has too few requests for a rate; False for a fault that is no rate."""
    windows = simulated.windows(since + FAULTS[fault][0], since)
    return fault.startswith("errors") and min(len(rows) for _, rows in windows) < QUIET


def test_a_reference_made_by_itself_knows_the_batch():
    """As the job does it: a cold reference after a day, and a calibrated one after a week."""
    simulated = Simulated(KINDS["nightly batch"], 3)
    week = list(simulated.windows(WEEK))
    cold = calibrate(week[:24], created=MONDAY)
    verdicts = judged(cold, week)
    starts = usable([Verdict(v.start, v.end, v.state, v.rows, v.reference) for v in verdicts], 200)
    calibrated = calibrate([(start, rows) for start, rows in week if start in set(starts)], created=MONDAY)
    alarms = Alarms()
    alarms.count(judged(calibrated, simulated.windows(3 * WEEK, WEEK)))
    assert len(calibrated.hours) > 1
    assert alarms.alarms == 0, alarms.columns
