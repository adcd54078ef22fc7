"""The reference that is made by itself knows the service's nights, and no change that stays."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

from drift.reference.past import usable
from drift.reference.reference import Calibration
from drift.state.state_folder import StateFolder, write_verdict
from otel.contract.drift_verdict import Verdict, VerdictState
from tests.drift_job import HOUR, event, job_of, settings_of, write_events
from tests.drift_references import cold
from tests.drift_traffic import MONDAY


def verdicts(state: Callable[[int], VerdictState], hours: int = 168) -> list[Verdict]:
    return [
        Verdict(MONDAY + number * HOUR, MONDAY + (number + 1) * HOUR, state(number), 500, "cold")
        for number in range(hours)
    ]


def drift_if(condition: bool) -> VerdictState:
    return VerdictState.DRIFT if condition else VerdictState.STABLE


def test_a_batch_of_every_night_is_the_service_s_own():
    nightly = verdicts(lambda number: drift_if(number % 24 in (2, 3)))
    assert len(usable(nightly, 200)) == 168


def test_so_is_one_of_most_nights():
    assert len(usable(verdicts(lambda number: drift_if(number % 24 == 2 and number // 24 < 5)), 200)) == 168


def test_a_change_that_stays_is_none():
    changed = usable(verdicts(lambda number: drift_if(number >= 60)), 200)
    assert changed == [MONDAY + number * HOUR for number in range(60)]


def test_nor_is_one_night():
    assert len(usable(verdicts(lambda number: drift_if(26 <= number < 28)), 200)) == 166


def test_windows_that_could_not_be_judged_do_not_count():
    undecided = verdicts(lambda number: VerdictState.INSUFFICIENT_DATA if number % 24 < 6 else VerdictState.STABLE)
    assert len(usable(undecided, 200)) == 126
    assert usable(verdicts(lambda number: VerdictState.STABLE), 501) == []


def test_the_job_makes_its_reference_of_the_nights_too(tmp_path: Path):
    """Without the nights there would be too few windows for a calibrated one."""
    hours = 75
    write_events(
        tmp_path / "events" / "requests.jsonl",
        (
            event(MONDAY + number * HOUR + place * HOUR / 201, 1000 * number + place)
            for number in range(hours + 1)
            for place in range(200)
        ),
    )
    settings = settings_of(tmp_path, automatic=True, reference_windows=72, grace_seconds=0)
    job = job_of(settings, MONDAY + (hours + 1) * HOUR + timedelta(seconds=1))
    state = StateFolder.open(settings.state)
    state.use(cold())
    for verdict in verdicts(lambda number: drift_if(number >= 24 and number % 24 in (2, 3)), hours):
        state.keep(verdict.start, partial(write_verdict, verdict=verdict))
    assert [verdict.start for verdict in job.run().judged] == [MONDAY + hours * HOUR]
    reference = state.reference()
    assert reference is not None
    assert reference.state is Calibration.CALIBRATED
    assert reference.windows == 72
