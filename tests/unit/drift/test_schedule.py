"""The schedule: at once, then window after window, one run at a time, and an orderly end."""

from __future__ import annotations

import os
import signal
import threading
from datetime import UTC, datetime, timedelta

import pytest

from drift.schedule import WindowSchedule
from tests.stack import eventually

SECOND = timedelta(seconds=1)


class Runs:
    """Counts runs; each can be held up."""

    def __init__(self) -> None:
        self.begun = 0
        self.at_once = 0
        self.most_at_once = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.error: Exception | None = None

    def __call__(self) -> None:
        self.begun += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.go_on.wait(30)
        self.at_once -= 1
        if self.error:
            raise self.error

    def wait_for(self, count: int) -> None:
        assert eventually(lambda: self.begun >= count, pause=0.01)


def test_it_runs_at_once_and_again_after_each_window() -> None:
    runs = Runs()
    WindowSchedule(runs, SECOND, timedelta(0)).until(lambda: runs.wait_for(3))


def test_runs_never_overlap(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()
    runs.go_on.clear()

    def wait() -> None:
        eventually(lambda: "maximum number of running instances" in caplog.text, pause=0.01)
        assert runs.begun == 1
        runs.go_on.set()
        runs.wait_for(2)

    WindowSchedule(runs, SECOND, timedelta(0)).until(wait)
    assert runs.most_at_once == 1


def test_a_run_that_fails_does_not_end_the_schedule(caplog: pytest.LogCaptureFixture) -> None:
    runs = Runs()
    runs.error = RuntimeError("broken")
    WindowSchedule(runs, SECOND, timedelta(0)).until(lambda: runs.wait_for(2))
    assert "the run failed" in caplog.text


def test_the_end_waits_for_the_run_that_is_under_way() -> None:
    runs = Runs()
    runs.go_on.clear()
    schedule = WindowSchedule(runs, SECOND, timedelta(0))

    def wait() -> None:
        runs.wait_for(1)
        threading.Timer(0.2, runs.go_on.set).start()

    schedule.until(wait)
    assert schedule.stopping.is_set()
    assert runs.at_once == 0


def test_a_signal_ends_it() -> None:
    runs = Runs()
    process = os.getpid()

    def ask_to_stop() -> None:
        runs.wait_for(1)
        os.kill(process, signal.SIGTERM)

    threading.Thread(target=ask_to_stop, daemon=True).start()
    WindowSchedule(runs, timedelta(hours=1), timedelta(0)).serve()
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_windows_are_met_after_their_grace() -> None:
    first = WindowSchedule(lambda: None, timedelta(hours=1), timedelta(minutes=5))._first()
    assert (first - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(hours=1) == timedelta(minutes=5)
