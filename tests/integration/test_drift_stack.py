"""The drift job behind the real Collector: its gauges in Prometheus, its events in the file that it reads itself."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drift.columns.columns import COLUMNS
from drift.state.state_folder import name_of
from tests.drift_job import event, write_events
from tests.integration.test_drift_job import environment
from tests.server_process import ROOT
from tests.stack import Stack, eventually

pytestmark = pytest.mark.timeout(1800)  # the first test builds the stack, if it is not in the cache

WINDOW = timedelta(minutes=1)
WINDOWS = 5
ROWS = 240


def run(stack: Stack) -> str:
    """The job, once: it exports at its end; what it logged."""
    env = environment(stack.folder / "drift", stack.settings.events_folder, OTEL_EXPORTER_OTLP_ENDPOINT=stack.endpoint)
    command = [sys.executable, "-m", "drift", "run"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 3, 4), done.stdout + done.stderr
    return done.stderr


def drifted(stack: Stack, end: datetime) -> datetime:
    """Has the minutes before ``end`` judged, of which the last two were slow; when they began."""
    start = end.replace(second=0, microsecond=0) - WINDOWS * WINDOW
    path = stack.settings.events_folder / "before.jsonl"
    for number in range(WINDOWS):
        begin, duration = start + number * WINDOW, 0.2 if number < WINDOWS - 2 else 0.6
        write_events(
            path,
            (event(begin + n * WINDOW / ROWS, 1000 * number + n, duration * (1 + n % 7 / 50)) for n in range(ROWS)),
        )
    run(stack)
    return start


def test_a_verdict_is_in_prometheus_and_in_the_events(stack: Stack) -> None:
    start = drifted(stack, datetime.now().astimezone())
    assert eventually(lambda: stack.value('tts_drift_detected{column="latency"}') == 1)
    judged = {labels["column"] for labels, _ in stack.query("tts_drift_score")}
    assert "latency" in judged
    assert judged <= {column.name for column in COLUMNS}
    assert stack.value('tts_drift_score{column="latency"}') > 0
    assert stack.value('tts_drift_threshold{column="latency"}') > 0
    assert stack.value('tts_drift_consecutive_windows{column="latency"}') == 2
    assert stack.value("tts_drift_last_run_success") == 1
    assert stack.value("time() - tts_drift_last_run_timestamp_seconds") < 300
    assert {labels["job"] for labels, _ in stack.query("tts_drift_window_rows")} == {"ttscope-drift"}
    told = eventually(lambda: [record for record in stack.events() if record.get("eventName") == "tts.drift"])
    windows = {
        value["value"]["stringValue"] for r in told for value in r["attributes"] if value["key"].endswith(".window")
    }
    assert name_of(start) in windows


def test_the_job_is_not_confused_by_its_own_events(stack: Stack) -> None:
    before = set(stack.query("tts_drift_window_rows")[0][0].items())
    taken = [json.loads(line) for line in run(stack).splitlines() if "rows were taken" in line]
    assert taken[0]["rows"] == 0
    assert taken[0]["problems"]["foreign"] >= WINDOWS
    assert {*before} <= {*stack.query("tts_drift_window_rows")[0][0].items()}  # the same series as that of the first


def test_the_windows_page_is_there(stack: Stack) -> None:
    index = Path(stack.folder / "drift" / "state" / "index.html").read_text()
    assert "latency" in index
    assert "drift" in index
