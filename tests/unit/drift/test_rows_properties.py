"""Whatever a file holds and however it grows: no error, no row lost, none twice, everything counted."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drift.rows.fields import FIELDS
from drift.rows.store import Rows
from tests.examples import examples
from tests.unit.drift.events import NOW, everything, export, lines, numbers, record, stored

SETTINGS = settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("9" * 40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
VALUE = ANY | st.dictionaries(
    st.sampled_from(["stringValue", "intValue", "doubleValue", "boolValue", "arrayValue"]), ANY, max_size=2
)
ATTRIBUTE = ANY | st.fixed_dictionaries(
    {}, optional={"key": st.sampled_from([field.feature for field in FIELDS]) | ANY, "value": VALUE}
)
RECORD = ANY | st.fixed_dictionaries(
    {"eventName": st.just("tts.request") | ANY},
    optional={
        "timeUnixNano": st.just("1795500000000000000") | ANY,
        "observedTimeUnixNano": ANY,
        "attributes": st.lists(ATTRIBUTE, max_size=4) | ANY,
    },
)


def told(rows: Rows, folder: Path) -> Any:
    return rows.ingest([folder], now=NOW, judged_until=None)


@SETTINGS
@given(st.lists(st.binary(max_size=60) | st.just(lines(1)) | st.just(lines(2)[:70]), max_size=12))
def test_bytes_of_any_kind_are_taken_without_an_error(pieces: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name) / "events", Rows(Path(name) / "rows")
        folder.mkdir()
        content = b"".join(pieces)
        (folder / "x.jsonl").write_bytes(content)
        report = told(rows, folder)
        assert report.bytes + report.waiting == len(content)
        whole = [line for line in content[: report.bytes].split(b"\n") if line.strip(b" \t\n\r\x0b\x0c")]
        assert report.lines == len(whole)
        assert report.rows == stored(Path(name) / "rows")
        # a line is torn, or empty, or it had records, of which each is one of these
        records = report.rows + report.foreign + report.malformed + report.timeless + report.ancient
        assert report.torn + report.empty + records >= report.lines
        assert told(rows, folder).lines == 0


@SETTINGS
@given(st.lists(RECORD, max_size=6))
def test_every_record_is_a_row_or_has_a_name(records: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, rows = Path(name) / "events", Rows(Path(name) / "rows")
        folder.mkdir()
        (folder / "x.jsonl").write_bytes(json.dumps(export(*records, record(7))).encode() + b"\n")
        report = told(rows, folder)
        others = report.foreign + report.malformed + report.timeless + report.ancient
        assert report.rows + others == len(records) + 1
        assert report.rows == stored(Path(name) / "rows")
        assert (report.torn, report.empty) == (0, 0)
        assert "request-7" in everything(rows)["request_id"].tolist()


@SETTINGS
@given(st.data())
def test_however_a_file_grows_is_rotated_and_cut_off_the_rows_are_the_same(data: st.DataObject) -> None:
    content = lines(*range(12))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5)))
    with tempfile.TemporaryDirectory() as name:
        folder, file, rows = Path(name) / "events", Path(name) / "events" / "x.jsonl", Path(name) / "rows"
        folder.mkdir()
        for low, high in zip([0, *cuts], [*cuts, len(content)], strict=True):
            with file.open("ab") as end:
                end.write(content[low:high])
            steps = iter(range(data.draw(st.integers(0, 8), label="steps before the crash")))
            with suppress(StopIteration):
                told(Rows(rows, commit_bytes=1000, step=lambda _, steps=steps: next(steps)), folder)
            if data.draw(st.booleans(), label="rotated"):
                file = file.rename(folder / f"x-{high}.jsonl")
        told(Rows(rows), folder)
        assert numbers(Rows(rows)) == list(range(12))
        assert stored(rows) == 12
