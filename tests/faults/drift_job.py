"""Faults of the drift job, and of the clock that it goes by."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drift.state.state_folder import StateFolder
from otel.contract.drift_verdict import Verdict
from tests.drift_job import event, write_events
from tests.faults.fault import Mended, fault
from tests.faults.pipeline import site_of
from tests.faults.places import StackSite
from tests.faults.trial import Trial
from tests.server_process import ROOT

ROWS, WINDOWS, WINDOW = 240, 4, timedelta(minutes=1)
YEAR = 365 * 86_400
RUN_SECONDS = 300.0
MOST = 1_000


def has_run_since(site: StackSite, moment: datetime) -> bool:
    """Whether the job has ended a run well since then."""
    last = StateFolder.open(site.stack.settings.drift_folder).last_run()
    return last is not None and last.clock.time > moment and last.succeeded


@fault("SIGKILL of the drift job", "it is restarted, and continues where it was")
def drift_killed(trial: Trial) -> Iterator[Mended]:
    site, now = site_of(trial), datetime.now(UTC)
    site.program("drift").kill()
    yield lambda: has_run_since(site, now)


@fault(
    "SIGSTOP of the drift job, then SIGCONT", "when it continues, it judges all windows that are due, missed ones too"
)
def drift_stopped(trial: Trial) -> Iterator[Mended]:
    site = site_of(trial)
    with trial.stopped([site.program("drift")], 5.0):
        trial.until_spoken()
    now = datetime.now(UTC)
    yield lambda: has_run_since(site, now)


def judge(site: StackSite, folder: Path, shift_seconds: int) -> tuple[int, str]:
    """One run of a job of its own, with a clock that is so much ahead: its exit code, and what it said."""
    environment = site.environment(
        TTSCOPE_DRIFT_STATE=str(folder / "state"),
        TTSCOPE_DRIFT_EVENTS=str(folder / "events"),
        TTSCOPE_DRIFT_COLD_WINDOWS="3",
        OTEL_EXPORTER_OTLP_ENDPOINT=site.stack.endpoint,
    )
    command = [sys.executable, "-m", "tests.faults.shifted_drift", str(shift_seconds)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=RUN_SECONDS, check=False
    )
    return done.returncode, done.stderr


def verdicts(folder: Path) -> list[Verdict]:
    """All that the job has judged."""
    return list(StateFolder.open(folder / "state").verdicts(most=MOST))


def kept(folder: Path) -> set[str]:
    """The files of rows and windows."""
    return {str(path) for path in folder.rglob("*") if path.is_file() and path.suffix in (".parquet", ".json", ".html")}


@fault(
    "The clock a year ahead, then a day behind (the drift job, by a clock of its own)",
    "the job says so, judges nothing and deletes nothing; it continues when the clock is right",
)
def clock_jumped(trial: Trial) -> Iterator[Mended]:
    site = site_of(trial)
    folder = site.folder / f"clock-{os.urandom(4).hex()}"
    start = datetime.now(UTC).replace(second=0, microsecond=0) - (WINDOWS + 1) * WINDOW
    for number in range(WINDOWS):
        begin = start + number * WINDOW
        records = (event(begin + n * WINDOW / ROWS, n, 0.2 + n % 7 / 100) for n in range(ROWS))
        write_events(folder / "events" / "requests.jsonl", records)
    code, said = judge(site, folder, 0)
    windows = verdicts(folder)
    assert windows, f"nothing was judged, exit code {code}: {said[-200:]}"
    before = kept(folder / "state")
    for name, shift in (("ahead", YEAR), ("behind", -86_400)):
        code, said = judge(site, folder, shift)
        assert "can't be believed" in said, f"a clock that is {name} is believed, exit code {code}"
        assert before <= kept(folder / "state"), f"files were deleted by a clock that is {name}"
        assert verdicts(folder) == windows, f"windows were judged by a clock that is {name}"
    code, said = judge(site, folder, 0)
    assert "can't be believed" not in said, "a clock that is right again is not believed"
    trial.note(f"{len(windows)} windows and {len(before)} files were kept")
    yield trial.site.ready
