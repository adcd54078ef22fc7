"""A clock that jumps: nothing is judged or deleted meanwhile, and the job goes on by itself when it is right."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from drift.errors import ClockSuspect
from drift.job import DriftJob, RunResult
from drift.outputs.gauges import Gauges
from drift.outputs.outbox import Outbox
from drift.rows.store import Rows
from drift.schedule import WindowSchedule
from drift.state.clock import AFTER_BOOT, AFTER_LEAP, ClockReading, Suspicion, suspicion
from drift.state.state_folder import StateFolder, name_of
from tests.drift_job import HOUR, START, fake_judge, hour_of_events, settings_of

DAY, YEAR = timedelta(days=1), timedelta(days=365)
MINUTE = timedelta(minutes=1)


class Machine:
    """A machine with a drift job, real time, and a clock that may say another one."""

    def __init__(self, folder: Path) -> None:
        self.real = START
        self.error = timedelta(0)
        self.booted = START - DAY
        self.boots = 1
        self.settings = settings_of(folder)
        self.events = folder / "events" / "requests.jsonl"
        self.reader = InMemoryMetricReader()
        self.state = StateFolder.open(self.settings.state)
        self.rows = Rows(self.state.rows)
        self._gauges = Gauges([self.reader], self.settings.state)

    @property
    def clock(self) -> ClockReading:
        return ClockReading(self.real + self.error, f"boot {self.boots}", (self.real - self.booted).total_seconds())

    def hour(self, *, served: bool = True) -> None:
        """An hour passes, with or without requests, stamped by the machine's clock."""
        if served:
            hour_of_events(self.events, self.real + self.error)
        self.real += HOUR

    def off(self, time: timedelta) -> None:
        self.real += time
        self.booted, self.boots = self.real, self.boots + 1

    def run(self, *, trust_clock: bool = False) -> RunResult:
        self.real += 5 * MINUTE
        job = DriftJob(
            self.settings,
            state=self.state,
            rows=self.rows,
            outbox=Outbox(()),
            gauges=self._gauges,
            judging=fake_judge,
            clock=lambda: self.clock,
        )
        try:
            return job.run(trust_clock=trust_clock)
        finally:
            self.real -= 5 * MINUTE

    def is_suspect(self) -> bool:
        """That the run refuses, and says so on the gauge; everything on the disk is as it was."""
        before = self.kept()
        try:
            self.run()
        except ClockSuspect:
            assert self.gauge() == 1
            assert self.kept() == before
            return True
        assert self.gauge() == 0
        return False

    def gauge(self) -> float:
        data = self.reader.get_metrics_data()
        assert data is not None
        [metric] = [
            metric
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == "tts.drift.clock_suspect"
        ]
        return float(next(iter(metric.data.data_points)).value)  # type: ignore[union-attr]

    def kept(self) -> set[str]:
        folder = self.settings.state
        return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.name != "clock.json"}

    def judged(self) -> dict[str, int]:
        """The requests of each window."""
        return {name: self.state.verdict(name).rows for name in self.state.names()}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that has judged two hours."""
    machine = Machine(tmp_path)
    for _ in range(2):
        machine.hour()
        machine.run()
    assert set(machine.judged().values()) == {60}
    return machine


def windows(count: int) -> list[str]:
    return [name_of(START + number * HOUR) for number in range(count)]


def test_years_ahead_and_back(machine: Machine) -> None:
    machine.error = 4 * YEAR
    assert machine.is_suspect()
    for _ in range(3):
        machine.hour()  # the server's clock is the same, its events are of that year
        assert machine.is_suspect()
    machine.error = timedelta(0)
    machine.hour()
    assert not machine.is_suspect()
    assert list(machine.judged()) == windows(6)
    assert [machine.judged()[name] for name in windows(6)] == [60, 60, 0, 0, 0, 60]
    assert machine.rows.hours()[0] == START


def test_ahead_for_longer_than_rows_are_kept_deletes_nothing_while_somebody_can_act(machine: Machine) -> None:
    machine.error = 36 * DAY
    hours = 0
    while machine.is_suspect():
        machine.hour(served=False)
        hours += 1
    assert hours * HOUR == AFTER_LEAP
    assert machine.rows.hours() == ()  # believed at last, by a clock that nobody has set right for a day


def test_a_clock_that_jumps_to_and_fro_is_never_believed(machine: Machine) -> None:
    for number in range(60):
        machine.error = (4 if number % 2 else 5) * YEAR
        assert machine.is_suspect()
        machine.hour(served=False)


def test_set_back_and_right_again(machine: Machine) -> None:
    machine.error = -3 * YEAR
    assert machine.is_suspect()
    machine.error = timedelta(0)
    machine.hour()
    assert not machine.is_suspect()
    assert machine.judged() == dict.fromkeys(windows(3), 60)


def test_a_clock_that_was_ahead_before_does_not_silence_the_job_until_then(machine: Machine) -> None:
    machine.error = 4 * YEAR
    machine.run(trust_clock=True)  # as the job did when it believed every clock
    assert max(machine.judged()) > "2030"
    machine.error = timedelta(0)
    waited = 0
    while machine.is_suspect():
        machine.hour()
        waited += 1
    assert waited * HOUR == AFTER_BOOT
    assert max(machine.judged()) == name_of(START + 2 * HOUR)
    machine.hour()
    assert not machine.is_suspect()
    assert max(machine.judged()) == name_of(START + 3 * HOUR)


def test_a_state_folder_of_an_earlier_version_that_was_ahead_goes_on(machine: Machine) -> None:
    machine.error = 4 * YEAR
    machine.run(trust_clock=True)
    (machine.settings.state / "last_run.json").unlink()
    machine.error = timedelta(0)
    assert machine.is_suspect()
    machine.hour()
    assert not machine.is_suspect()


def test_a_week_without_requests_is_no_jump(machine: Machine) -> None:
    for _ in range(7 * 24):
        machine.hour(served=False)
        assert not machine.is_suspect()
    machine.hour()
    assert not machine.is_suspect()
    assert list(machine.judged().values()) == [60, 60, *[0] * 168, 60]


@pytest.mark.parametrize("rebooted", [True, False])
def test_a_job_that_was_off_for_a_week_goes_on_at_once(machine: Machine, rebooted: bool) -> None:
    if rebooted:
        machine.off(7 * DAY)
    else:
        machine.real += 7 * DAY
    machine.hour()
    assert not machine.is_suspect()
    assert list(machine.judged().values())[-1] == 60


def test_a_machine_that_was_off_for_weeks_waits_an_hour(machine: Machine) -> None:
    machine.off(30 * DAY)
    assert machine.is_suspect()
    machine.hour()
    assert not machine.is_suspect()
    assert list(machine.judged().values())[-1] == 60


def test_the_clock_can_be_trusted_by_hand(machine: Machine) -> None:
    machine.off(30 * DAY)
    assert machine.is_suspect()
    machine.run(trust_clock=True)
    assert machine.gauge() == 0
    assert not machine.is_suspect()


def test_a_first_run_believes_its_clock(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.hour()
    assert not machine.is_suspect()


def test_doubts_outlive_the_process(machine: Machine) -> None:
    machine.error = 4 * YEAR
    assert machine.is_suspect()
    assert StateFolder.open(machine.settings.state).doubted() == ClockReading(
        machine.clock.time + 5 * MINUTE, machine.clock.boot, machine.clock.uptime + 300
    )


@pytest.mark.parametrize(
    ("passed", "uptime", "boot", "expected"),
    [
        (HOUR, HOUR, "a", None),
        (30 * DAY, 30 * DAY, "a", None),
        (25 * HOUR, HOUR, "a", None),
        (25 * HOUR + MINUTE, HOUR, "a", Suspicion.LEAPT),
        (14 * DAY, HOUR, "b", None),
        (14 * DAY + MINUTE, HOUR, "b", Suspicion.LONG_OFF),
        (-5 * MINUTE, HOUR, "a", None),
        (-6 * MINUTE, HOUR, "a", Suspicion.SET_BACK),
        (-6 * MINUTE, HOUR, "b", Suspicion.SET_BACK),
    ],
)
def test_the_rule(passed: timedelta, uptime: timedelta, boot: str, expected: Suspicion | None) -> None:
    last = ClockReading(START, "a", 1000.0)
    now = ClockReading(START + passed, boot, 1000.0 + uptime.total_seconds())
    assert suspicion(now, last, None) is expected


def test_this_machines_clock_is_even() -> None:
    earlier, now = ClockReading.current(), ClockReading.current()
    leap = now.leap_since(earlier)
    assert leap is not None
    assert abs(leap) < timedelta(seconds=5)


def test_the_schedule_runs_at_once_when_the_clock_jumps() -> None:

    error, begun = [0.0], threading.Semaphore(0)
    schedule = WindowSchedule(begun.release, DAY, timedelta(0), clock=lambda: time.time() + error[0], look_seconds=0.01)

    def wait() -> None:
        for jump in (0.0, 4 * YEAR.total_seconds(), 0.0):
            error[0] = jump
            assert begun.acquire(timeout=30)

    schedule.until(wait)


def test_events_of_the_future_wait_for_their_window(machine: Machine) -> None:
    ahead: datetime = machine.real + 2 * HOUR
    hour_of_events(machine.events, ahead)  # by a server whose clock is two hours ahead
    machine.hour()
    machine.run()
    for _ in range(3):
        machine.hour(served=False)
        machine.run()
    assert list(machine.judged().values()) == [60, 60, 60, 0, 60, 0]
