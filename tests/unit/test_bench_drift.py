"""The events that the drift job's scale is measured with are those of our server, as many as were asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench import drift_events
from bench.drift import Day, Hour, drift_promises
from bench.drift_events import GENERATED, HIT, REJECTED, hourly_requests, write_hour
from drift.rows.store import Rows
from otel.contract.event_fields import REQUEST_FIELDS

START = datetime(2026, 11, 24, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_events_have_the_attributes_of_the_servers() -> None:
    for features in (GENERATED, HIT, REJECTED):
        assert features.keys() <= REQUEST_FIELDS.keys()
    assert {"tts.loudness", "tts.stage.queue", "tts.real_time_factor", "tts.build"} <= GENERATED.keys()


def test_a_day_has_its_events_and_its_night() -> None:
    hours = hourly_requests(10_000_000)
    assert (len(hours), sum(hours)) == (24, 10_000_000)
    assert max(hours) > 3 * min(hours)


def test_an_hours_events_are_ingested_completely_and_without_problems(tmp_path: Path) -> None:
    assert write_hour(tmp_path, START, 1300, seed=1) == 0
    rows = Rows(tmp_path / "rows")
    report = rows.ingest([tmp_path], now=START + HOUR, judged_until=None)
    assert (report.rows, report.lines, report.problems()) == (1300, 3, {})
    window = rows.window(START, START + HOUR, most=10_000)
    assert (window.count, window.duplicates) == (1300, 0)
    assert window.frame["duration"].nunique() > 1000
    assert set(window.frame["outcome"]) == {"ok", "rejected"}
    assert set(window.frame["cache"]) == {"miss", "hit", "bypass"}


def test_a_synthesized_clips_event_has_the_size_of_the_servers(tmp_path: Path) -> None:
    write_hour(tmp_path, START, 300, seed=1)
    (path,) = tmp_path.iterdir()
    records = json.loads(path.read_text())["resourceLogs"][0]["scopeLogs"][0]["logRecords"]
    sizes = [len(json.dumps(record, separators=(",", ":"))) for record in records]
    assert 2200 < max(sizes) < 2700  # ours: 2,550 bytes where nothing is left out


def test_files_are_rotated_and_batches_come_twice(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(drift_events, "FILE_BYTES", 1_000_000)
    monkeypatch.setattr(drift_events, "DUPLICATE_SHARE", 1.0)
    assert write_hour(tmp_path, START, 1500, seed=1) == 1500
    assert len(list(tmp_path.iterdir())) > 1
    rows = Rows(tmp_path / "rows")
    rows.ingest([tmp_path], now=START + HOUR, judged_until=None)
    assert rows.window(START, START + HOUR, most=10).duplicates == 1500


def test_promises_are_about_the_jobs_own_time() -> None:
    hours = (Hour(START, 5_000_000, 10, 200.0), Hour(START + HOUR, 5_000_000, 10, 220.0))
    time, memory = drift_promises(Day(hours, 400.0, 1_900_000_000, 1))
    assert (time.measured, time.is_met) == (7.0, True)
    assert (memory.measured, memory.is_met) == (1.9, True)
    assert not drift_promises(Day(hours * 2, 400.0, 1, 1))[0].is_met
