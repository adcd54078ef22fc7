"""Every event becomes one row, whatever happens to the files and wherever the ingest is cut off."""

from __future__ import annotations

import errno
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from drift import files
from drift.errors import RowsIncompatible
from drift.rows import offsets, parquet
from drift.rows.ingest_report import IngestReport
from drift.rows.store import Rows
from tests.server_process import ROOT
from tests.unit.drift.events import ALWAYS, MORNING, NOW, line, lines, numbers, record, stored


class CrashError(Exception):
    pass


class Place:
    """A folder of events and one of rows."""

    def __init__(self, root: Path) -> None:
        self.events, self.folder = root / "events", root / "rows"
        self.events.mkdir(parents=True)
        self.rows = Rows(self.folder)

    def write(self, content: bytes, name: str = "requests.jsonl") -> None:
        with (self.events / name).open("ab") as file:
            file.write(content)

    def rename(self, old: str, new: str) -> None:
        (self.events / old).rename(self.events / new)

    def ingest(self, **options: Any) -> IngestReport:
        return Rows(self.folder, **options).ingest([self.events], now=NOW, judged_until=None)

    def has_once(self, *expected: int) -> None:
        """These requests, each stored once: not even a copy that a window would leave out."""
        assert numbers(self.rows) == sorted(expected)
        assert stored(self.folder) == len(expected)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(autouse=True)
def _small_row_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BUFFER_ROWS", 3)


def test_a_file_that_grows_is_read_on(place: Place) -> None:
    place.write(lines(1, 2))
    assert place.ingest().rows == 2
    place.write(lines(3))
    assert place.ingest().rows == 1
    assert place.ingest().rows == 0
    place.has_once(1, 2, 3)


def test_a_last_line_without_an_end_waits(place: Place) -> None:
    whole = lines(2)
    place.write(lines(1) + whole[:40])
    report = place.ingest()
    assert (report.rows, report.waiting, report.problems()) == (1, 40, {})
    place.write(whole[40:-1])
    assert place.ingest().rows == 0
    place.write(whole[-1:])
    assert place.ingest().problems() == {}
    place.has_once(1, 2)


def test_a_file_waits_until_its_first_line_is_whole(place: Place) -> None:
    place.write(lines(1)[:-1])
    report = place.ingest()
    assert (report.rows, report.waiting) == (0, len(lines(1)) - 1)
    place.write(b"\n")
    assert place.ingest().rows == 1
    place.has_once(1)


@pytest.mark.parametrize("rotated", ["requests-2026-11-24T08-00-00.jsonl", "requests.jsonl.1"])
def test_a_rotated_file_is_still_the_same(place: Place, rotated: str) -> None:
    place.write(lines(1, 2))
    place.ingest()
    place.write(lines(3))
    place.rename("requests.jsonl", rotated)
    place.write(lines(4))
    assert place.ingest().rows == 2
    place.has_once(1, 2, 3, 4)


def test_names_that_move_on_do_not_matter(place: Place) -> None:
    for number in range(1, 6):
        place.write(lines(number))
        place.ingest()
        for old in range(number - 1, 0, -1):
            place.rename(f"requests.jsonl.{old}", f"requests.jsonl.{old + 1}")
        place.rename("requests.jsonl", "requests.jsonl.1")
    assert place.ingest().rows == 0
    place.has_once(1, 2, 3, 4, 5)


def test_a_file_that_is_rotated_during_the_ingest_is_found_under_its_new_name(place: Place) -> None:
    place.write(lines(1), "a.jsonl")
    place.write(lines(2), "b.jsonl")

    def rotate(step: str) -> None:
        if step == "file" and (place.events / "b.jsonl").exists() and not (place.events / "c.jsonl").exists():
            place.rename("b.jsonl", "c.jsonl")
            place.write(lines(3), "b.jsonl")

    place.ingest(step=rotate)
    place.has_once(1, 2, 3)


def test_a_file_may_be_named_twice_and_copied(place: Place, tmp_path: Path) -> None:
    place.write(lines(1, 2))
    shutil.copy(place.events / "requests.jsonl", place.events / "copy.jsonl")
    (place.events / "link.jsonl").symlink_to(place.events / "requests.jsonl")
    paths = [place.events, place.events / "requests.jsonl"]
    assert place.rows.ingest(paths, now=NOW, judged_until=None).rows == 2
    place.has_once(1, 2)


def test_a_file_that_was_emptied_and_begun_anew_is_another_one(place: Place) -> None:
    place.write(lines(1, 2, 3))
    place.ingest()
    (place.events / "requests.jsonl").write_bytes(b"")
    assert place.ingest().rows == 0
    place.write(lines(4))
    assert place.ingest().rows == 1
    place.has_once(1, 2, 3, 4)


@pytest.mark.parametrize("beginning", [b"\n", b"garbage\n", lines(1)])
def test_files_that_begin_alike_are_told_apart(place: Place, beginning: bytes) -> None:
    place.write(beginning + lines(2, 3), "a.jsonl")
    place.ingest()
    place.write(beginning + lines(4, 5, 6), "b.jsonl")
    assert place.ingest().restarted == 1
    place.write(lines(7), "a.jsonl")
    place.write(lines(8), "b.jsonl")
    assert place.ingest().rows == 2
    assert set(numbers(place.rows)) >= {2, 3, 4, 5, 6, 7, 8}
    assert len(numbers(place.rows)) == len(set(numbers(place.rows)))


def test_an_event_that_was_delivered_twice_is_one_row(place: Place) -> None:
    place.write(line(record(1), record(2), record(1)) + lines(2, 3))
    place.write(lines(1, 4), "another.jsonl")
    place.ingest()
    window = place.rows.window(*ALWAYS, most=100)
    assert numbers(place.rows) == [1, 2, 3, 4]
    assert (window.count, window.duplicates) == (4, 3)


def test_an_id_that_is_used_again_is_another_request(place: Place) -> None:
    place.write(line(record(1, request_id="mine"), record(2, request_id="mine")))
    place.ingest()
    place.has_once(1, 2)


def test_the_order_of_events_does_not_matter(place: Place) -> None:
    order = [9, 4000, 1, 8000, 3, 3999, 2]
    place.write(lines(*order))
    place.ingest()
    place.has_once(*order)
    assert place.rows.hours() == tuple(MORNING + timedelta(hours=hour) for hour in range(3))


def test_more_hours_than_files_may_be_open(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "OPEN_PARTS", 2)
    order = [hour * 3600 + minute for minute in range(3) for hour in range(5)]
    place.write(lines(*order))
    place.ingest()
    place.has_once(*order)
    hours = parquet.hour_folders(place.folder / parquet.HOURS)
    assert all(len(list(parquet.parts(folder))) > 1 for _, folder in hours)  # each was ended for another one


STEPS = ("swept", "file", "written", "parts", "committed")


def crash_at(number: int) -> Callable[[str], None]:
    """Fails at that step of all."""
    steps = count(1)

    def step(name: str) -> None:
        assert name in STEPS
        if next(steps) == number:
            raise CrashError(name)

    return step


def test_a_crash_at_any_step_changes_nothing(tmp_path: Path) -> None:
    """Until the ingest has fewer steps than the one to crash at; each time the files change before the next run."""
    crashed: set[str] = set()
    for number in count(1):
        place = Place(tmp_path / str(number))
        place.write(lines(*range(10)), "old.jsonl")
        place.ingest()
        place.write(lines(*range(10, 14)), "old.jsonl")
        place.write(lines(*range(4000, 4010)) + lines(20)[:50])
        try:
            place.ingest(step=crash_at(number), commit_bytes=2000)
        except CrashError as error:
            crashed.add(str(error))
        else:
            break
        place.write(lines(20)[50:] + lines(7300))
        place.rename("requests.jsonl", "requests-rotated.jsonl")
        place.write(lines(21, 22))
        place.ingest(commit_bytes=2000)
        place.has_once(*range(14), *range(4000, 4010), 7300, 20, 21, 22)
    assert crashed == set(STEPS)


def test_crash_after_crash(place: Place) -> None:
    place.write(lines(*range(40)))
    for number in (5, 4, 6, 3, 7):
        with pytest.raises(CrashError):
            place.ingest(step=crash_at(number), commit_bytes=3000)
    place.ingest()
    place.has_once(*range(40))


def test_what_was_not_committed_does_not_count(place: Place) -> None:
    place.write(lines(1))
    place.ingest()
    place.write(lines(2, 3, 4, 5))
    with pytest.raises(CrashError):
        place.ingest(step=lambda step: crash_at(1)(step) if step == "parts" else None)
    place.has_once(1)
    place.ingest()
    place.has_once(1, 2, 3, 4, 5)


def test_what_a_crash_left_behind_is_removed_though_the_next_commits_are_others(place: Place) -> None:
    place.write(lines(1, 2, 4000))
    with pytest.raises(CrashError):
        place.ingest(step=lambda step: crash_at(1)(step) if step == "parts" else None)
    assert len(list(place.folder.rglob("*.parquet"))) == 2
    place.ingest(commit_bytes=1)
    place.has_once(1, 2, 4000)


@pytest.mark.parametrize("broken", ["os.fsync", "drift.files.write", "pyarrow.parquet.ParquetWriter.write_table"])
def test_a_full_disk_is_told_and_costs_nothing(place: Place, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    place.write(lines(1))
    place.ingest()
    place.write(lines(2, 3, 4))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(broken, full)
        with pytest.raises(OSError, match="No space"):
            place.ingest()
    place.has_once(1)
    place.ingest()
    place.has_once(1, 2, 3, 4)


CHILD = """
import sys
from pathlib import Path
from drift.rows import parquet
from drift.rows.store import Rows
from tests.unit.drift.events import NOW

def step(name):
    print(name, flush=True)
    sys.stdin.readline()

parquet.BUFFER_ROWS = 3
Rows(Path(sys.argv[2]), step=step, commit_bytes=2000).ingest([Path(sys.argv[1])], now=NOW, judged_until=None)
"""


@pytest.mark.parametrize("last", ["written", "parts", "committed"])
def test_a_process_that_is_killed_loses_and_doubles_nothing(place: Place, last: str) -> None:
    place.write(lines(*range(20)))
    command = [sys.executable, "-c", CHILD, str(place.events), str(place.folder)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        while (step := process.stdout.readline().strip()) != last:
            assert step in STEPS
            process.stdin.write("\n")
            process.stdin.flush()
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stdin.close()
    place.ingest()
    place.has_once(*range(20))


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, b'{"commits": "many"}', None])
def test_a_lost_ledger_is_told_and_everything_read_anew(place: Place, damage: bytes | None) -> None:
    place.write(lines(1, 2), "gone.jsonl")
    place.write(lines(3, 4))
    place.ingest()
    (place.events / "gone.jsonl").unlink()
    path = place.folder / offsets.NAME
    path.unlink() if damage is None else path.write_bytes(damage)
    assert numbers(place.rows) == [1, 2, 3, 4]
    assert place.ingest().ledger_lost
    assert numbers(place.rows) == [1, 2, 3, 4]
    place.write(lines(5))
    assert place.ingest().rows == 1
    assert numbers(place.rows) == [1, 2, 3, 4, 5]


def test_rows_of_a_later_version_are_refused(place: Place) -> None:
    place.write(lines(1))
    place.ingest()
    files.write(place.folder / offsets.NAME, '{"format": 99}')
    with pytest.raises(RowsIncompatible, match="99"):
        place.ingest()
    with pytest.raises(RowsIncompatible, match="99"):
        numbers(place.rows)


def test_files_that_are_gone_are_forgotten_in_the_end(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offsets, "MOST_SOURCES", 3)
    for number in range(6):
        place.write(lines(number), f"{number}.jsonl")
        if number >= 2:
            (place.events / f"{number - 2}.jsonl").unlink()
        place.ingest()
    known = offsets.load(place.folder)
    assert known
    assert len(known.sources) == 3
    assert place.ingest().rows == 0
    place.has_once(*range(6))
