"""The drift job as a program: real Evidently, MLflow and DuckDB; killed, and stopped, and none the worse."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drift.rows.store import Rows
from drift.state.state_folder import StateFolder, name_of
from tests.collector import Collector
from tests.drift_job import event, write_events
from tests.server_process import ROOT
from tests.stack import eventually

pytestmark = pytest.mark.timeout(600)

WINDOW = timedelta(minutes=1)
WINDOWS = 6
ROWS = 240


@pytest.fixture
def events(tmp_path: Path) -> tuple[Path, datetime]:
    """Some minutes of requests that are over, the last two slow; and when they begin."""
    now = datetime.now().astimezone()
    start = now.replace(second=0, microsecond=0) - (WINDOWS + 1) * WINDOW
    path = tmp_path / "events" / "requests.jsonl"
    for number in range(WINDOWS):
        minute_of_events(path, start + number * WINDOW, 0.2 if number < WINDOWS - 2 else 0.5)
    return path.parent, start


def minute_of_events(path: Path, start: datetime, duration: float) -> None:
    write_events(
        path,
        (event(start + n * WINDOW / ROWS, n + 1000 * start.minute, duration * (1 + n % 7 / 50)) for n in range(ROWS)),
    )


def environment(folder: Path, events: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TTSCOPE_", "OTEL_", "MLFLOW_"))}
    return {
        **kept,
        "TTSCOPE_DRIFT_EVENTS": str(events),
        "TTSCOPE_DRIFT_STATE": str(folder / "state"),
        "TTSCOPE_DRIFT_WINDOW_SECONDS": "60",
        "TTSCOPE_DRIFT_GRACE_SECONDS": "0",
        "TTSCOPE_DRIFT_COLD_WINDOWS": "3",
        **more,
    }


def command(name: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "drift", name],
        cwd=ROOT,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def verdicts(folder: Path) -> dict[str, dict[str, Any]]:
    """By window, but for the reference's id and the windows after the events, which the clock decides."""
    state = StateFolder.open(folder / "state")
    return {name: json.loads((state.window(name) / "verdict.json").read_text()) for name in state.names()}


def runs(folder: Path) -> list[str]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'state' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("ttscope-drift")
    assert experiment is not None
    found = client.search_runs([experiment.experiment_id])
    assert {run.info.status for run in found} == {"FINISHED"}
    return sorted(run.data.tags["ttscope.window"] for run in found)


SIGNS = {
    "rows are there": lambda state: list((state / "rows").rglob("*.parquet")),
    "a window is being written": lambda state: list((state / "windows").glob(".unfinished-*")),
    "a window is judged": lambda state: list((state / "windows").glob("20*")),
    "the reference is there": lambda state: list((state / "references").glob("20*")),
    "MLflow is being told": lambda state: (state / "mlflow").exists(),
}


def test_a_killed_job_goes_on_where_it_was(events: tuple[Path, datetime], tmp_path: Path) -> None:
    folder, start = events
    env = environment(tmp_path, folder)
    killed = 0
    for sign in SIGNS.values():
        job = command("run", env)
        eventually(lambda sign=sign, job=job: sign(tmp_path / "state") or job.poll() is not None, 120, pause=0.05)
        if job.poll() is None:
            job.kill()
            killed += 1
        job.communicate()
    assert killed >= 3
    last = command("run", env)
    told, _ = last.communicate(timeout=300)
    assert last.returncode in (0, 3, 4), told
    found = verdicts(tmp_path)
    names = [name_of(start + number * WINDOW) for number in range(WINDOWS)]
    assert list(found)[:WINDOWS] == names
    assert [found[name]["rows"] for name in names] == [ROWS] * WINDOWS
    assert [found[name]["state"] for name in names[:3]] == ["no_reference"] * 3
    assert all(found[name]["state"] in ("stable", "suspected", "drift") for name in names[3:])
    assert runs(tmp_path) == list(found)
    window = Rows(tmp_path / "state" / "rows").window(start, start + WINDOWS * WINDOW, most=10_000)
    assert window.count == WINDOWS * ROWS


def test_the_schedule_judges_exports_all_the_while_and_ends_on_sigterm(
    events: tuple[Path, datetime], tmp_path: Path
) -> None:
    folder, start = events
    collector = Collector()
    more = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_METRIC_EXPORT_INTERVAL": "200"}
    job = command("schedule", environment(tmp_path, folder, **more))
    try:
        first = name_of(start)
        done = tmp_path / "state" / "windows" / first / "outputs.json"
        assert eventually(lambda: done.exists() and "mlflow" in json.loads(done.read_text())["done"], 120)
        assert eventually(lambda: {"tts.drift.score", "tts.drift.last_run.success"} <= collector.metric_names())
        exports = len(collector.metrics())
        assert eventually(lambda: len(collector.metrics()) > exports)
        judged = {attribute.value.string_value for event in collector.events() for attribute in event.attributes}
        assert first in judged
        job.send_signal(signal.SIGTERM)
        told, _ = job.communicate(timeout=120)
        assert job.returncode == 0, told
        assert "Traceback" not in told
    finally:
        job.kill()
        collector.stop()
    with StateFolder.open(tmp_path / "state").lock():  # it is free
        pass


def test_a_server_of_mlflow_that_is_gone_loses_no_verdict(events: tuple[Path, datetime], tmp_path: Path) -> None:
    folder, start = events
    gone = {"MLFLOW_TRACKING_URI": "http://user:secret@127.0.0.1:9", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}
    job = command("run", environment(tmp_path, folder, **gone))
    told, _ = job.communicate(timeout=300)
    assert job.returncode in (0, 3, 4), told
    assert "mlflow could not be told" in told
    assert "secret" not in told
    assert name_of(start) in verdicts(tmp_path)
    back = command("run", environment(tmp_path, folder))
    back.communicate(timeout=300)
    assert runs(tmp_path) == list(verdicts(tmp_path))
