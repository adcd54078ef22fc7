"""The rows of a window: those of its time and no others, a sample that is always the same, what a bad disk costs."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from drift.rows import parquet
from drift.rows.fields import TIME
from drift.rows.store import Rows
from tests.unit.drift.events import ALWAYS, MORNING, NOW, everything, line, lines, numbers, record

HOUR = timedelta(hours=1)


def rows_of(tmp_path: Path, *contents: bytes) -> Rows:
    """A store that took these files one after the other."""
    rows = Rows(tmp_path / "rows")
    for number, content in enumerate(contents):
        (tmp_path / f"{number}.jsonl").write_bytes(content)
        rows.ingest([tmp_path / f"{number}.jsonl"], now=NOW, judged_until=None)
    return rows


def test_a_window_has_its_beginning_and_not_its_end(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, lines(0, 3599, 3600, 7199, 7200))
    window = rows.window(MORNING + HOUR, MORNING + 2 * HOUR, most=10)
    assert list(window.frame["words"]) == [3600, 7199]
    assert (window.count, window.duplicates, window.unreadable) == (2, 0, ())


def test_the_prober_is_no_user(tmp_path: Path) -> None:
    clients = ("anonymous", "probe", "alice", None)
    records = [record(second, client=client) for second, client in enumerate(clients)]
    window = rows_of(tmp_path, line(*records)).window(MORNING, MORNING + HOUR, most=10)
    assert list(window.frame["words"]) == [0, 2, 3]
    assert window.count == 3


@pytest.mark.parametrize(("start", "length"), [(0, 10), (1790, 20), (3590, 20), (3595, 7200), (-100, 50)])
def test_a_window_may_be_of_any_length_and_begin_anywhere(tmp_path: Path, start: int, length: int) -> None:
    seconds = [*range(10), *range(1795, 1805), *range(3595, 3605), *range(7195, 7205)]
    rows = rows_of(tmp_path, lines(*seconds))
    begin = MORNING + timedelta(seconds=start)
    window = rows.window(begin, begin + timedelta(seconds=length), most=100)
    assert list(window.frame["words"]) == [second for second in seconds if start <= second < start + length]


def test_only_the_hours_of_the_window_are_touched(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, lines(1, 3601, 7201))
    for hour, folder in parquet.hour_folders(tmp_path / "rows" / parquet.HOURS):
        if hour != MORNING + HOUR:
            for _, part in parquet.parts(folder):
                part.write_bytes(b"not to be read")
    window = rows.window(MORNING + HOUR, MORNING + 2 * HOUR, most=10)
    assert (window.count, window.unreadable) == (1, ())


def test_a_sample_is_the_same_whatever_the_rows_came_in(tmp_path: Path) -> None:
    order = list(range(500))
    one = rows_of(tmp_path, lines(*order))
    random.Random(1).shuffle(order)
    (tmp_path / "two").mkdir()
    two = rows_of(tmp_path / "two", lines(*order[:200]), lines(*order[100:]))
    first, second = one.window(*ALWAYS, most=100), two.window(*ALWAYS, most=100)
    assert (first.count, first.duplicates) == (500, 0)
    assert (second.count, second.duplicates) == (500, 100)
    assert len(first.frame) == 100
    pd.testing.assert_frame_equal(first.frame, second.frame)
    assert first.frame[TIME].is_monotonic_increasing


def test_a_larger_sample_has_the_smaller_one_in_it_and_is_not_the_beginning(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, lines(*range(500)))
    small, large = (set(rows.window(*ALWAYS, most=most).frame["words"]) for most in (50, 200))
    assert small < large
    assert max(small) > 250  # the chance that 50 of 500 are all of the first half is 1e-16


def test_a_sample_does_not_stand_or_fall_with_an_id_that_is_used_again(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, line(*(record(number, request_id="mine") for number in range(100))))
    assert len(rows.window(*ALWAYS, most=30).frame) == 30


def test_the_first_and_last_row_and_the_hours(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, lines(3605, 50), lines(9000, 40))
    assert (rows.first(), rows.last()) == (MORNING + timedelta(seconds=40), MORNING + timedelta(seconds=9000))
    assert rows.hours() == (MORNING, MORNING + HOUR, MORNING + 2 * HOUR)


def test_whole_hours_are_dropped(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, lines(1, 3601, 7201))
    assert rows.drop_before(MORNING + timedelta(minutes=90)) == 1
    assert numbers(rows) == [3601, 7201]
    assert rows.drop_before(MORNING + timedelta(minutes=90)) == 0
    assert rows.ingest([tmp_path / "0.jsonl"], now=NOW, judged_until=None).rows == 0
    assert rows.first() == MORNING + timedelta(seconds=3601)


def test_nothing_has_no_rows(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "nowhere")
    assert (rows.first(), rows.last(), rows.hours(), rows.drop_before(NOW)) == (None, None, (), 0)
    assert everything(rows).empty


@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten", "flipped"])
def test_a_damaged_part_is_named_and_the_others_are_read(tmp_path: Path, damage: str) -> None:
    rows = rows_of(tmp_path, lines(*range(50)), lines(*range(50, 60)))
    (_, folder), *_ = parquet.hour_folders(tmp_path / "rows" / parquet.HOURS)
    part = next(path for _, path in parquet.parts(folder))
    content = part.read_bytes()
    page = pq.read_metadata(part).row_group(0).column(0).data_page_offset
    part.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "emptied": b"",
            "overwritten": b"\x00" * len(content),
            "flipped": content[:page] + b"\xff" * 30 + content[page + 30 :],
        }[damage]
    )
    window = rows.window(*ALWAYS, most=100)
    assert list(window.frame["words"]) == list(range(50, 60))
    assert window.unreadable == (f"2026-11-24T08Z/{part.name}",)
    assert rows.hours() == (MORNING,)


def test_rows_of_a_version_with_fewer_fields_are_read(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, lines(1), lines(2))
    (_, folder), *_ = parquet.hour_folders(tmp_path / "rows" / parquet.HOURS)
    for _, part in parquet.parts(folder):
        pq.write_table(pq.read_table(part).drop_columns(["infer", "build", "streamed"]), part)
    frame = everything(rows)
    assert list(frame["words"]) == [1, 2]
    assert frame[["infer", "build", "streamed"]].isna().all().all()
    assert frame.dtypes.to_dict() == everything(Rows(tmp_path / "nowhere")).dtypes.to_dict()


def test_a_window_of_no_rows_at_most_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="0 rows"):
        rows_of(tmp_path, lines(1)).window(*ALWAYS, most=0)


def test_names_with_quotes_are_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "it's [a] *folder*"
    folder.mkdir()
    assert numbers(rows_of(folder, lines(1))) == [1]
