"""The command line: exit codes, one clear line for what is wrong, and what is selected to be compared."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from drift.__main__ import main
from drift.settings import variables
from drift.state.state_folder import StateFolder
from drift.verdict.selection import SelectionError, selection
from tests.drift_job import HOUR, START, hour_of_events, job_of, settings_of


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in variables():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setenv("TTSCOPE_DRIFT_MLFLOW_ENABLED", "false")
    monkeypatch.setenv("TTSCOPE_DRIFT_EVENTS", "/nowhere")
    monkeypatch.setattr("drift.__main__.configure", lambda formatter, level: None)  # pytest has the logs


def arguments(folder: Path, *more: str) -> list[str]:
    (folder / "events").mkdir(exist_ok=True)
    return [*more, "--events", str(folder / "events"), "--state", str(folder / "state")]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_without_requests_there_is_too_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(tmp_path, "run")) == 4
    assert "there are no requests in" in capsys.readouterr().out


def test_without_a_reference_there_is_too_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hour_of_events(tmp_path / "events" / "requests.jsonl", START, count=300)
    assert main(arguments(tmp_path, "backfill", "--from", "2026-11-24T10:00", "--to", "2026-11-24T11:00")) == 4
    assert "There is nothing to compare these 300 requests with yet" in capsys.readouterr().out


def test_a_line_without_an_end_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = tmp_path / "events" / "requests.jsonl"
    hour_of_events(events, START, count=300)
    whole = events.stat().st_size
    with events.open("rb+") as file:
        file.truncate(whole - 1)
    assert main(arguments(tmp_path, "backfill", "--from", "2026-11-24T10:00", "--to", "2026-11-24T11:00")) == 4
    assert "bytes of events were not read: they come after the last newline" in last_line(capsys)


@pytest.mark.parametrize(("state", "code"), [(0.2, 0), (2.0, 3)])
def test_a_report_says_how_the_last_window_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], state: float, code: int
) -> None:
    for hour in range(2):
        hour_of_events(tmp_path / "events" / "requests.jsonl", START + hour * HOUR, duration=state)
    job_of(settings_of(tmp_path), START + 3 * HOUR).run()
    assert main(arguments(tmp_path, "report", "--windows", "2")) == code
    assert capsys.readouterr().out.count("2026-11-24T1") == 2


def test_a_damaged_reference_has_a_code_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hour_of_events(tmp_path / "events" / "requests.jsonl", START, count=300)
    state = StateFolder.open(tmp_path / "state")
    (state.folder / "reference").write_text("absent\n")
    assert main(arguments(tmp_path, "backfill", "--from", "2026-11-24T10:00", "--to", "2026-11-24T11:00")) == 5
    assert "The reference is damaged" in capsys.readouterr().out


def test_wrong_settings_are_all_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TTSCOPE_DRIFT_WINDOW_SECONDS", "soon")
    monkeypatch.setenv("TTSCOPE_DRIFT_CONSECUTIVE", "0")
    assert main(arguments(tmp_path, "run")) == 2
    told = capsys.readouterr().err
    assert "TTSCOPE_DRIFT_WINDOW_SECONDS" in told
    assert "TTSCOPE_DRIFT_CONSECUTIVE" in told


WRONG = {
    "no events there": (["run", "--events", "/nowhere/at/all"], 2, "--events /nowhere/at/all: is not there"),
    "half a period": (["calibrate", "--from", "2026-11-24"], 2, "both --from and --to"),
    "no time": (["backfill", "--from", "yesterday", "--to", "2026-11-24"], 2, "must be a date or time"),
    "no selection": (["compare", "joe", "voice:amy"], 2, "must be FROM/TO, or VALUE behind one of"),
    "nothing to calibrate by": (["calibrate"], 4, "no window has 200 rows"),
    "a file for a folder": (["run", "--state", "{folder}/file"], 1, "can't be used"),
    "a folder of a later version": (["run", "--state", "{folder}/later"], 1, "has the format '2'"),
}


@pytest.mark.parametrize(("command", "code", "words"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str], code: int, words: str
) -> None:
    (tmp_path / "file").touch()
    StateFolder.open(tmp_path / "later")
    (tmp_path / "later" / "format").write_text("2\n")
    given = [part.format(folder=tmp_path) for part in command]
    if "--state" not in given:
        given += ["--state", str(tmp_path / "state")]
    assert main(given) == code
    line = last_line(capsys)
    assert words in line
    assert "Traceback" not in line


def test_a_second_job_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with StateFolder.open(tmp_path / "state").lock():
        assert main(arguments(tmp_path, "run")) == 1
    assert "another drift job works on" in last_line(capsys)


def test_requests_are_selected_by_values_and_period() -> None:
    rows = pd.DataFrame(
        {
            "build": ["a", "a", "b", None],
            "voice": ["joe", "amy", "joe", "joe"],
            "time": pd.to_datetime(
                ["2026-11-24T10:00Z", "2026-11-24T11:00Z", "2026-11-24T12:00Z", "2026-11-25T00:00Z"]
            ),
        }
    )
    assert list(selection("build:a").of(rows).index) == [0, 1]
    assert list(selection("build:a,voice:joe").of(rows).index) == [0]
    assert list(selection("2026-11-24T11:00/2026-11-25").of(rows).index) == [1, 2]
    assert list(selection("voice:joe,2026-11-24T11:00/2026-11-26").of(rows).index) == [2, 3]


@pytest.mark.parametrize("text", ["", "build:", "colour:red", "2026-11-25/2026-11-24", "a/b", "build:a,"])
def test_what_selects_nothing_is_refused(text: str) -> None:
    with pytest.raises(SelectionError):
        selection(text)


def test_times_without_a_zone_are_utc() -> None:
    assert selection("2026-11-24/2026-11-25T01:00+01:00").end == datetime(2026, 11, 25, tzinfo=UTC)
