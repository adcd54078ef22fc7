"""The job: which windows are judged when, what is kept and told of them, and what a second run does."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drift.job import ceiling, floor, grid
from drift.state.state_folder import StateBusy, StateError, StateFolder
from otel.contract.drift_verdict import VerdictState
from tests.drift_job import HOUR, START, Listener, hour_of_events, job_of, settings_of

EVENING = START + 4 * HOUR + timedelta(minutes=5)
"""Windows from START are over, and their grace as well."""


def four_hours(folder: Path, durations: tuple[float, ...] = (0.2, 0.2, 2.0, 2.0)) -> None:
    for number, duration in enumerate(durations):
        hour_of_events(folder / "events" / "requests.jsonl", START + number * HOUR, duration=duration)


def told(folder: Path) -> list[str]:
    book = folder / "book"
    return [" ".join(line.split()[:3]) for line in book.read_text().splitlines()] if book.exists() else []


def states(folder: Path) -> list[str]:
    state = StateFolder.open(folder / "state")
    return [str(state.verdict(name).state) for name in state.names()]


def test_windows_are_judged_in_order_once_they_and_their_grace_are_over(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path)
    early = job_of(settings, EVENING - timedelta(seconds=1)).run()
    assert [verdict.start for verdict in early.judged] == [START, START + HOUR, START + 2 * HOUR]
    late = job_of(settings, EVENING).run()
    assert [verdict.start for verdict in late.judged] == [START + 3 * HOUR]
    assert states(tmp_path) == ["stable", "stable", "suspected", "drift"]
    assert late.last is not None
    assert late.last.state is VerdictState.DRIFT


def test_pages_are_for_a_web_server_and_rows_for_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o077)  # as the command has it
    try:
        four_hours(tmp_path)
        settings = settings_of(tmp_path)
        settings.state.mkdir(mode=0o700)
        job_of(settings, EVENING).run()
    finally:
        os.umask(before)
    modes = {path: path.stat().st_mode & 0o077 for path in (settings.state, *settings.state.rglob("*"))}
    private = {settings.state / "rows", settings.state / "references"}
    assert {modes[path] for path in private} == {0}
    pages = [path for path in modes if path == settings.state or path.is_relative_to(settings.state / "windows")]
    assert len(pages) > 8
    assert {modes[path] for path in pages} == {0o055, 0o044}
    assert modes[settings.state / "index.html"] == 0o044


def test_a_run_with_nothing_new_changes_no_window(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path)
    job_of(settings, EVENING).run()
    before = {path: path.read_bytes() for path in (settings.state / "windows").rglob("*") if path.is_file()}
    assert job_of(settings, EVENING).run().judged == ()
    assert {path: path.read_bytes() for path in (settings.state / "windows").rglob("*") if path.is_file()} == before


def test_without_any_event_there_is_nothing_to_judge(tmp_path: Path) -> None:
    result = job_of(settings_of(tmp_path), EVENING).run()
    assert (result.judged, result.last) == ((), None)


def test_an_hour_without_requests_is_a_window_too(tmp_path: Path) -> None:
    path = tmp_path / "events" / "requests.jsonl"
    hour_of_events(path, START)
    hour_of_events(path, START + 3 * HOUR)
    job_of(settings_of(tmp_path), EVENING).run()
    assert states(tmp_path) == ["stable", "insufficient_data", "insufficient_data", "stable"]


def test_what_was_missed_for_too_long_is_left_to_backfill(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path, catch_up_windows=1)
    assert [v.start for v in job_of(settings, EVENING).run().judged] == [START + 3 * HOUR]
    found = job_of(settings, EVENING).backfill(START, START + 4 * HOUR, again=False)
    assert [v.start for v in found.judged] == [START, START + HOUR, START + 2 * HOUR]


def test_everybody_is_told_of_every_window_and_the_webhook_of_changes(tmp_path: Path) -> None:
    four_hours(tmp_path, (0.2, 2.0, 2.0, 0.2))
    outputs = [Listener(name, tmp_path / "book") for name in ("mlflow", "webhook")]
    job_of(settings_of(tmp_path), EVENING, outputs).run()
    names = [f"2026-11-24T{hour}-00-00Z" for hour in (10, 11, 12, 13)]
    assert [line for line in told(tmp_path) if "mlflow" in line] == [
        f"mlflow {names[0]} None",
        f"mlflow {names[1]} None",
        f"mlflow {names[2]} begins",
        f"mlflow {names[3]} ends",
    ]
    assert [line for line in told(tmp_path) if "webhook" in line] == [
        f"webhook {names[2]} begins",
        f"webhook {names[3]} ends",
    ]


def test_who_could_not_be_told_is_told_in_the_next_run_and_holds_nobody_up(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path)
    deaf, other = Listener("mlflow", tmp_path / "book"), Listener("event", tmp_path / "book")
    deaf.deaf = True
    result = job_of(settings, EVENING, [deaf, other]).run()
    assert result.undelivered == {"mlflow": "nobody listens"}
    assert len(told(tmp_path)) == 4
    deaf.deaf = False
    assert job_of(settings, EVENING, [deaf, other]).run().undelivered == {}
    assert len([line for line in told(tmp_path) if line.startswith("mlflow")]) == 4
    assert len(told(tmp_path)) == 8


def test_nobody_is_woken_for_a_window_of_long_ago(tmp_path: Path) -> None:
    four_hours(tmp_path)
    outputs = [Listener(name, tmp_path / "book") for name in ("mlflow", "webhook")]
    job_of(settings_of(tmp_path), EVENING, outputs).backfill(START, START + 4 * HOUR, again=False)
    assert {line.split()[0] for line in told(tmp_path)} == {"mlflow"}


def test_a_window_has_all_its_files_and_the_index_names_it(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path)
    job_of(settings, EVENING).run()
    folder = settings.state / "windows" / "2026-11-24T13-00-00Z"
    assert {path.name for path in folder.iterdir()} == {"verdict.json", "index.html", "annotation.json", "outputs.json"}
    annotation = json.loads((folder / "annotation.json").read_text())
    assert annotation["tags"] == ["ttscope", "drift", "state:drift", "column:latency"]
    assert annotation["timeEnd"] - annotation["time"] == 3_600_000
    assert annotation["text"].startswith("Since 12:00 speech takes 10 times as long as usual for the same text.")
    assert "windows/2026-11-24T13-00-00Z/index.html" in (settings.state / "index.html").read_text()


def test_a_failure_is_remembered_as_one(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path)

    def broken(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        job_of(settings, EVENING, judging=broken).run()
    last = StateFolder.open(settings.state).last_run()
    assert last is not None
    assert (last.succeeded, last.problem) == (False, "OSError")
    job_of(settings, EVENING).run()
    last = StateFolder.open(settings.state).last_run()
    assert last is not None
    assert last.succeeded


def test_a_last_verdict_that_is_damaged_is_judged_again(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path)
    job_of(settings, EVENING).run()
    (settings.state / "windows" / "2026-11-24T13-00-00Z" / "verdict.json").write_text('{"half')
    assert [v.start for v in job_of(settings, EVENING).run().judged] == [START + 3 * HOUR]
    assert states(tmp_path)[-1] == "drift"


def test_old_things_go_and_what_is_still_needed_stays(tmp_path: Path) -> None:
    four_hours(tmp_path)
    settings = settings_of(tmp_path, rows_days=7, reports_days=1, retention_days=2)
    job_of(settings, EVENING).run()
    report = settings.state / "windows" / "2026-11-24T13-00-00Z" / "evidently.html"
    report.touch()
    job_of(settings, EVENING + timedelta(hours=30)).run()
    assert not report.exists()
    assert len(states(tmp_path)) == 34
    job_of(settings, EVENING + timedelta(days=3)).run()
    assert not report.parent.exists()
    assert (settings.state / "rows").exists()


@pytest.mark.parametrize(
    ("time", "low", "high"),
    [
        (START, START, START),
        (START + timedelta(seconds=1), START, START + HOUR),
        (START + HOUR, START + HOUR, START + HOUR),
    ],
)
def test_windows_begin_on_whole_hours(time: datetime, low: datetime, high: datetime) -> None:
    assert (floor(time, HOUR), ceiling(time, HOUR)) == (low, high)
    assert list(grid(START, START + 2.5 * HOUR, HOUR)) == [START, START + HOUR]


def test_two_jobs_never_work_on_one_folder(tmp_path: Path) -> None:
    state = StateFolder.open(tmp_path / "state")
    with state.lock(), pytest.raises(StateBusy, match="another drift job"), StateFolder.open(tmp_path / "state").lock():
        pass
    with state.lock():  # let go
        pass


def test_a_folder_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    StateFolder.open(tmp_path)
    (tmp_path / "format").write_text("2\n")
    with pytest.raises(StateError, match="has the format '2', and this version knows 1"):
        StateFolder.open(tmp_path)


@pytest.mark.parametrize("name", ["file", "file/below", "/proc/nowhere/state"])
def test_a_path_that_can_be_no_folder_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="can't be used"):
        StateFolder.open(tmp_path / name)


def test_a_reference_is_only_a_name_in_the_folder_of_references(tmp_path: Path) -> None:
    from drift.errors import ReferenceDamaged

    state = StateFolder.open(tmp_path)
    assert state.reference() is None
    (tmp_path / "reference").write_text("../../etc\n")
    with pytest.raises(ReferenceDamaged, match="does not name a reference"):
        state.reference()
