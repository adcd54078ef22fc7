"""A kill at any point loses no window and counts none twice: every change on the disk in turn is the last one.

A child process runs the job and dies, as by SIGKILL, just before its n-th change: it opens no file to write, renames,
removes or tells anybody any more. Then the job runs again, and all must be as if nothing had happened.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from drift import files
from drift.settings import Settings
from drift.state.state_folder import StateFolder
from tests.drift_job import HOUR, START, Listener, hour_of_events, job_of, settings_of

NOW = START + 4 * HOUR + timedelta(minutes=5)
OUTPUTS = ("event", "webhook", "mlflow")
CHANGES = frozenset({"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink"})
KILLED = 99


def prepared(folder: Path, copied: Path | None = None) -> Settings:
    """Two windows were judged, the second slow; two more are due, of them one slow: drift begins and ends."""
    path, settings = folder / "events" / "requests.jsonl", settings_of(folder)
    if copied is not None:
        shutil.copytree(copied, folder, dirs_exist_ok=True)
        return settings
    for number, duration in enumerate((0.2, 2.0, 2.0, 0.2)):
        if number == 2:
            run(settings, folder, START + 2 * HOUR + timedelta(minutes=5))
        hour_of_events(path, START + number * HOUR, count=50, duration=duration)
    return settings


def listeners(folder: Path) -> list[Listener]:
    return [Listener(name, folder / "book") for name in OUTPUTS]


def run(settings: Settings, folder: Path, now: datetime = NOW) -> None:
    state = StateFolder.open(settings.state)
    with state.lock():
        job_of(settings, now, listeners(folder), state=state).run()


def killed_before(change: int, settings: Settings, folder: Path) -> str | None:
    """Runs the job in a child that dies before its change number ``change``, from 0; which one that is, None if the
    run made fewer and ended by itself."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        left = change

        def hook(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal left
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if not (writes or event in CHANGES) or str(folder) not in str(arguments[0]):
                return
            if left == 0:
                os.write(writing, f"{event} {arguments[0]}".encode())
                os._exit(KILLED)
            left -= 1

        try:
            sys.addaudithook(hook)
            run(settings, folder)
            os._exit(0)
        except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as a test
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as said:
        told = said.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code in (0, KILLED), f"the run failed by itself: {told}"
    return told if code == KILLED else None


def contents(settings: Settings) -> dict[str, bytes]:
    """All that is kept of windows, references and the index; rows are compared by what they hold."""
    kept = (path for path in settings.state.rglob("*") if path.is_file())
    return {
        str(path.relative_to(settings.state)): path.read_bytes()
        for path in kept
        if path.relative_to(settings.state).parts[0] in ("windows", "references", "reference", "index.html", "format")
    }


def rows(settings: Settings) -> list[str]:
    from drift.rows.store import Rows

    window = Rows(settings.state / "rows").window(START, START + 4 * HOUR, most=10_000)
    return sorted(window.frame["request_id"])


def told(folder: Path) -> list[str]:
    return (folder / "book").read_text().splitlines()


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start")
    prepared(folder)
    return folder


@pytest.fixture(scope="module")
def undisturbed(start: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], list[str], list[str]]:
    folder = tmp_path_factory.mktemp("undisturbed")
    settings = prepared(folder, copied=start)
    run(settings, folder)
    return contents(settings), rows(settings), told(folder)


def test_a_kill_before_any_change_changes_nothing_in_the_end(
    start: Path, undisturbed: tuple[dict[str, bytes], list[str], list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    expected, all_rows, all_told = undisturbed
    assert len(all_rows) == 200
    seen: list[str] = []
    for change in range(1000):
        folder = tmp_path_factory.mktemp("killed")
        settings = prepared(folder, copied=start)
        died = killed_before(change, settings, folder)
        run(settings, folder)
        where = f"killed before change {change}: {died}"
        assert contents(settings) == expected, where
        assert rows(settings) == all_rows, where
        assert set(told(folder)) == set(all_told), where
        assert len(told(folder)) <= len(all_told) + 1, where  # at most the one that was under way, once more
        assert not list(settings.state.rglob(f"{files.UNFINISHED}*")), where
        last = StateFolder.open(settings.state).last_run()
        assert last is not None, where
        assert last.succeeded, where
        shutil.rmtree(folder)
        if died is None:
            break
        seen.append(died)
    assert len(seen) > 50  # two windows, three outputs each, rows, index: it was killed at each of them
    for step in ("rows", "verdict.json", "outputs.json", "index.html", "last_run.json", "book"):
        assert any(step in died for died in seen) or any(files.UNFINISHED in died for died in seen), step
