"""What comes in: every line ends as rows or under a name, and none is an error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from drift.rows import parquet, sources
from drift.rows.fields import FIELDS, TIME
from drift.rows.ingest_report import IngestReport
from drift.rows.store import Rows
from otel.contract.event_fields import REQUEST_FIELDS
from otel.sdk.event_file import EventFile
from otel.sdk.event_losses import EventLosses
from tests.unit.drift.events import MORNING, NOW, everything, export, line, lines, nanoseconds, numbers, record

Ingested = Callable[..., tuple[Rows, IngestReport]]


@pytest.fixture
def ingest(tmp_path: Path) -> Ingested:
    def ingest_content(content: bytes, **options: Any) -> tuple[Rows, IngestReport]:
        (tmp_path / "events.jsonl").write_bytes(content)
        rows = Rows(tmp_path / "rows")
        return rows, rows.ingest([tmp_path / "events.jsonl"], **({"now": NOW, "judged_until": None} | options))

    return ingest_content


def test_every_field_is_an_attribute_that_events_have() -> None:
    assert {field.feature for field in FIELDS} <= REQUEST_FIELDS.keys()
    assert len({field.name for field in FIELDS}) == len(FIELDS)


def test_an_event_becomes_a_row(ingest: Ingested) -> None:
    whole = {
        "request_id": "one",
        "endpoint": "/tts",
        "status_code": 200,
        "outcome": "ok",
        "voice_name": "joe",
        "language": "en",
        "speed": 1.25,
        "word_count": 12,
        "streamed": True,
        "duration": 0.75,
        "loudness": -21.5,
        "stage__queue": 0.01,
        "audio_faults": "clipped,truncated",
    }
    rows, report = ingest(line(record(0, **whole)))
    (row,) = everything(rows).to_dict("records")
    assert row[TIME] == pd.Timestamp(MORNING)
    assert (row["request_id"], row["endpoint"], row["status"], row["voice"]) == ("one", "/tts", 200, "joe")
    assert (row["speed"], row["words"], row["streamed"], row["queue_wait"]) == (1.25, 12, True, 0.01)
    assert (row["duration"], row["loudness"], row["audio_faults"]) == (0.75, -21.5, "clipped,truncated")
    assert pd.isna(row["characters"])
    assert pd.isna(row["error_type"])
    assert (report.rows, report.lines, report.problems()) == (1, 1, {})


def test_a_window_has_every_field_in_its_type_even_when_it_is_empty(ingest: Ingested) -> None:
    rows, _ = ingest(lines(1, 2))
    filled, empty = everything(rows), rows.window(NOW, NOW + timedelta(hours=1), most=10).frame
    assert list(empty.columns) == [TIME, *(field.name for field in FIELDS)]
    assert len(empty) == 0
    assert filled.dtypes.to_dict() == empty.dtypes.to_dict()


def test_numbers_may_be_written_in_each_way_that_otlp_allows(ingest: Ingested) -> None:
    rows, report = ingest(
        line(
            record(1, word_count={"intValue": "7"}, duration={"intValue": "2"}),
            record(2, word_count={"intValue": 7}, duration={"doubleValue": 2}),
            record(3, word_count={"doubleValue": 7.0}, duration={"doubleValue": "2.0"}),
            {**record(4, word_count=7, duration=2.0), "timeUnixNano": nanoseconds(MORNING)},
        )
    )
    frame = everything(rows)
    assert list(frame["words"]) == [7] * 4
    assert list(frame["duration"]) == [2.0] * 4
    assert report.problems() == {}


def test_many_events_a_line_and_several_resources_are_all_taken(ingest: Ingested) -> None:
    two = {"resourceLogs": export(record(1), record(2))["resourceLogs"] + export(record(3))["resourceLogs"]}
    rows, report = ingest(json.dumps(two).encode() + b"\n" + line(*(record(number) for number in range(4, 9))))
    assert numbers(rows) == list(range(1, 9))
    assert report.lines == 2


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        pytest.param(b'{"resourceLogs":[{"scopeL\n', {"torn": 1}, id="torn"),
        pytest.param(b"\x00\xff\x80 \x1b]0;\x07\n\x89PNG\r\n", {"torn": 2}, id="binary"),
        pytest.param(b"[" * 50_000 + b"\n", {"torn": 1}, id="too deep"),
        pytest.param(b"9" * 10_000 + b"\n", {"torn": 1}, id="a number of 10,000 digits"),
        pytest.param(b"{}\n[]\n5\nnull\ntrue\n" + b'"text"\n', {"empty": 6}, id="JSON of another kind"),
        pytest.param(b'{"resourceSpans":[{"scopeSpans":[]}]}\n', {"empty": 1}, id="traces"),
        pytest.param(b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[]}]}]}\n', {"empty": 1}, id="no records"),
        pytest.param(b'{"resourceLogs":{"scopeLogs":7}}\n', {"empty": 1}, id="no lists"),
        pytest.param(line("text", 5, None, []), {"repaired": 1, "malformed": 4}, id="records that are none"),
        pytest.param(line(record(1, event="other"), record(2, event="")), {"foreign": 2}, id="other events"),
        pytest.param(line(record(1, event="tts.playback")), {}, id="playbacks, which are no requests"),
        pytest.param(line({"eventName": 5}), {"repaired": 1, "foreign": 1}, id="an event without a name"),
        pytest.param(line({"eventName": "tts.request"}), {"timeless": 1}, id="nothing but a name"),
        pytest.param(
            line({**record(1), "timeUnixNano": "soon", "observedTimeUnixNano": []}),
            {"repaired": 1, "timeless": 1},
            id="time in words",
        ),
        pytest.param(line(record(1, at=datetime(1970, 1, 1, 1, tzinfo=UTC))), {"ancient": 1}, id="1970"),
        pytest.param(line({**record(1), "timeUnixNano": "-5"}), {"ancient": 1}, id="before 1970"),
        pytest.param(line({**record(1), "timeUnixNano": "9" * 30}), {"timeless": 1}, id="the far future"),
        pytest.param(line(record(1, at=datetime(2100, 1, 2, tzinfo=UTC))), {"timeless": 1}, id="the next century"),
    ],
)
def test_what_becomes_no_row_is_counted_by_name(ingest: Ingested, content: bytes, counts: dict[str, int]) -> None:
    rows, report = ingest(content + lines(1))
    assert numbers(rows) == [1]
    assert report.problems() == counts
    assert report.lines == content.count(b"\n") + 1


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n \n"])
def test_nothing_is_nothing(ingest: Ingested, content: bytes) -> None:
    rows, report = ingest(content)
    assert (report.lines, report.rows, report.problems(), rows.first(), rows.hours()) == (0, 0, {}, None, ())


@pytest.mark.parametrize(
    ("feature", "field", "given"),
    [
        ("duration", "duration", {"doubleValue": "NaN"}),
        ("duration", "duration", {"doubleValue": "-Infinity"}),
        ("duration", "duration", {"doubleValue": float("nan")}),  # as Python writes it
        ("duration", "duration", {"stringValue": "fast"}),
        ("duration", "duration", {"doubleValue": "fast"}),
        ("duration", "duration", {"boolValue": True}),
        ("duration", "duration", {"arrayValue": {"values": []}}),
        ("duration", "duration", {"intValue": "1" + "0" * 400}),
        ("duration", "duration", {}),
        ("duration", "duration", {"doubleValue": None}),
        ("duration", "duration", {"doubleValue": [1]}),
        ("word_count", "words", {"intValue": "1" + "0" * 30}),
        ("word_count", "words", {"intValue": -(2**64)}),
        ("word_count", "words", {"intValue": "twelve"}),
        ("word_count", "words", {"doubleValue": 1.5}),
        ("word_count", "words", {"doubleValue": float("inf")}),
        ("word_count", "words", {"stringValue": "12"}),
        ("streamed", "streamed", {"stringValue": "yes"}),
        ("streamed", "streamed", {"intValue": "1"}),
        ("voice_name", "voice", {"intValue": "5"}),
        ("voice_name", "voice", {"stringValue": 5}),
        ("voice_name", "voice", {"stringValue": "v" * 257}),
        ("voice_name", "voice", {"stringValue": "\ud800"}),
    ],
)
def test_a_value_that_the_field_cannot_hold_is_null_and_counted(
    ingest: Ingested, feature: str, field: str, given: dict[str, Any]
) -> None:
    rows, report = ingest(line(record(1), record(2, **{feature: given}), record(3)))
    frame = everything(rows)
    assert len(frame) == 3
    assert pd.isna(frame[field][1])
    assert report.wrong == {field: 1}
    assert report.problems().keys() <= {f"wrong {field}", "repaired"}


def test_a_number_too_large_for_a_float_costs_only_that_value(ingest: Ingested) -> None:
    content = line(record(1), record(2)).replace(b'"doubleValue":0.5', b'"doubleValue":1e400', 1)
    rows, report = ingest(content)
    assert [pd.isna(duration) for duration in everything(rows)["duration"]] == [True, False]
    assert report.problems() == {"repaired": 1, "wrong duration": 1}


def test_a_negative_duration_is_kept_for_whoever_judges(ingest: Ingested) -> None:
    rows, _ = ingest(line(record(1, duration=-3.0)))
    assert list(everything(rows)["duration"]) == [-3.0]


def test_bytes_that_are_no_text_cost_only_their_value(ingest: Ingested) -> None:
    rows, report = ingest(line(record(1, voice_name="j?e"), record(2)).replace(b"j?e", b"j\xffe"))
    assert list(everything(rows)["voice"].fillna("")) == ["j\ufffde", ""]
    assert report.problems() == {"repaired": 1}


@pytest.mark.parametrize("given", ["", "x" * 5000, {"intValue": "5"}])
def test_an_event_without_a_sensible_id_gets_one_that_tells_it_from_others(ingest: Ingested, given: Any) -> None:
    one, other = record(1, request_id=given), record(1, request_id=given, duration=0.75)
    rows, report = ingest(line(one, one, other))
    assert rows.window(MORNING, NOW, most=10).duplicates == 1
    assert sorted(everything(rows)["duration"]) == [0.5, 0.75]
    assert report.nameless == 3


def test_times_of_microseconds_are_kept_and_the_observed_time_stands_in(ingest: Ingested) -> None:
    exact = MORNING + timedelta(microseconds=123_456)
    rows, _ = ingest(
        line(
            {**record(1), "timeUnixNano": str(nanoseconds(exact) + 789)},
            {**record(2), "timeUnixNano": "0", "observedTimeUnixNano": str(nanoseconds(exact) + 1_000)},
        )
    )
    assert list(everything(rows)[TIME]) == [pd.Timestamp(exact), pd.Timestamp(exact) + pd.Timedelta(1, "us")]


def test_a_line_that_a_crash_cut_off_costs_not_the_next_one(ingest: Ingested) -> None:
    rows, report = ingest(lines(1) + lines(2)[:100] + lines(3) + lines(4))
    assert numbers(rows) == [1, 3, 4]
    assert report.problems() == {"torn": 1}


def test_a_line_longer_than_can_be_read_is_passed_over(ingest: Ingested, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LONGEST_LINE", 2000)
    monkeypatch.setattr(sources, "SKIP_BYTES", 300)
    rows, report = ingest(lines(1) + b'{"x":"' + b"y" * 10_000 + b'"}\n' + lines(2) + b"z" * 5000)
    assert numbers(rows) == [1, 2]
    assert report.problems() == {"oversized": 1}
    assert (report.lines, report.waiting) == (3, 5000)


def test_a_clock_a_little_ahead_is_forgiven(ingest: Ingested) -> None:
    _, report = ingest(line(record(0, at=NOW + timedelta(minutes=5))))
    assert (report.rows, report.problems()) == (1, {})


def test_rows_of_windows_that_were_judged_are_kept_and_counted(ingest: Ingested) -> None:
    rows, report = ingest(lines(1, 2, 3), judged_until=MORNING + timedelta(seconds=3))
    assert (report.rows, report.late) == (3, 2)
    assert numbers(rows) == [1, 2, 3]


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "good.jsonl").write_bytes(lines(1))
    (folder / "else.txt").write_bytes(lines(2))
    (folder / "inner.jsonl").mkdir()
    (folder / "gone.jsonl").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.jsonl")
    rows = Rows(tmp_path / "rows")
    report = rows.ingest([folder, tmp_path / "missing"], now=NOW, judged_until=None)
    assert numbers(rows) == [1]
    assert {Path(name).name for name in report.unreadable} == {"inner.jsonl", "gone.jsonl", "pipe.jsonl", "missing"}
    assert report.problems() == {"unreadable": 4}


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(days=1500)], ids=str)
def test_an_event_of_the_future_is_stored_for_its_window(ingest: Ingested, ahead: timedelta) -> None:
    rows, report = ingest(line(record(2, at=NOW + ahead)) + lines(1))
    assert report.problems() == {"future": 1}
    assert sorted(numbers(rows)) == [1, 2]
    assert rows.window(NOW + ahead, NOW + ahead + timedelta(hours=1), most=10).count == 1


def test_the_servers_own_file_is_read(tmp_path: Path) -> None:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor

    provider = LoggerProvider()
    losses = EventLosses("requests.jsonl", lambda *_: None)
    file = EventFile(tmp_path / "requests.jsonl", losses)
    provider.add_log_record_processor(SimpleLogRecordProcessor(file))
    features = {"tts.request_id": "é", "tts.word_count": 3, "tts.streamed": False, "tts.duration": 1.5}
    at = nanoseconds(MORNING)
    provider.get_logger("x").emit(timestamp=at, observed_timestamp=at, event_name="tts.request", attributes=features)
    provider.shutdown()
    rows = Rows(tmp_path / "rows")
    report = rows.ingest([tmp_path], now=NOW, judged_until=None)
    (row,) = everything(rows).to_dict("records")
    assert (row["request_id"], row["words"], row["streamed"], row["duration"]) == ("é", 3, False, 1.5)
    assert report.problems() == {}


def test_progress_is_told_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "BUFFER_ROWS", 2)
    content = lines(1, 2, 3, 4)
    (tmp_path / "events.jsonl").write_bytes(content)
    told: list[tuple[int, int]] = []
    Rows(tmp_path / "rows").ingest(
        [tmp_path], now=NOW, judged_until=None, on_progress=lambda done, of: told.append((done, of))
    )
    assert told == [(len(lines(1, 2)), len(content)), (len(content), len(content))]
