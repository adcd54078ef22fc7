"""The files of events: what can't be written is counted and said once, and refusals have a file of their own."""

from __future__ import annotations

import errno
import json
import os
import resource
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from otel.contract.labels import LOSS_REASON
from otel.contract.values import LossReason
from otel.sdk import event_file
from otel.sdk.event_file import EventFile, EventQueue, event_queues
from otel.sdk.event_losses import QUIET_SECONDS, EventLosses, reason_of
from otel.sdk.events import Events
from tests.fake_clock import Clock

RESOURCE = Resource({"service.name": "ttscope"})
SCOPE = InstrumentationScope("ours", "1")


class Counted:
    """What was counted as lost."""

    def __init__(self) -> None:
        self.events: Counter[LossReason] = Counter()

    def __call__(self, reason: LossReason, events: int) -> None:
        self.events[reason] += events


class Exporter(LogRecordExporter):
    """Hands each batch to ``write``."""

    def __init__(self, write: Callable[[Sequence[ReadableLogRecord]], None]) -> None:
        self._write = write

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        self._write(batch)
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        return True


def records(path: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return [record for line in lines for record in line["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]


def test_refused_requests_have_a_file_of_their_own(tmp_path: Path) -> None:
    queues = event_queues(tmp_path, Counted())
    events = Events(RESOURCE, SCOPE, queues)
    for outcome in ("ok", "rejected", "error", "rejected", "cancelled"):
        events.emit({"tts.outcome": outcome}, Context())
    for queue in queues:
        queue.shutdown()
    found = {
        name: [record["attributes"][0]["value"]["stringValue"] for record in records(tmp_path / name)]
        for name in (event_file.REQUESTS_FILE, event_file.REFUSED_FILE)
    }
    assert found == {"requests.jsonl": ["ok", "error", "cancelled"], "refused.jsonl": ["rejected", "rejected"]}


def test_a_flood_of_refusals_rotates_no_other_event_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_file, "MAX_BYTES", 20_000)
    counted = Counted()
    queues = event_queues(tmp_path, counted)
    events = Events(RESOURCE, SCOPE, queues)
    events.emit({"tts.outcome": "ok"}, Context())
    for number in range(3000):
        events.emit({"tts.outcome": "rejected", "number": number}, Context())
        if number % 500 == 0:
            for queue in queues:
                queue.force_flush()
    for queue in queues:
        queue.shutdown()
    assert not counted.events
    assert len(records(tmp_path / "requests.jsonl")) == 1
    assert (tmp_path / "refused.jsonl.4").exists()
    assert not (tmp_path / "requests.jsonl.1").exists()


def test_what_can_t_be_written_is_counted_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    counted, clock = Counted(), Clock()
    losses = EventLosses("requests.jsonl", counted, clock)
    file = EventFile(tmp_path / "requests.jsonl", losses)
    batch = _batch(100)
    assert file.export(batch) is LogRecordExportResult.SUCCESS
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", _fail(errno.ENOSPC))
        assert [file.export(batch) for _ in range(3)] == [LogRecordExportResult.FAILURE] * 3
    assert file.export(batch) is LogRecordExportResult.SUCCESS
    clock.now += QUIET_SECONDS
    assert file.export(batch) is LogRecordExportResult.SUCCESS
    assert file.export(batch) is LogRecordExportResult.SUCCESS
    assert counted.events == {LossReason.DISK_FULL: 300}
    assert len(records(tmp_path / "requests.jsonl")) == 400
    said = [
        (record.getMessage(), record.__dict__.get("reason"), record.__dict__.get("lost")) for record in caplog.records
    ]
    assert said == [("events are lost", "disk_full", None), ("events are written again", None, 300)]
    assert capfd.readouterr().err.count("\n") <= len(said)


def test_half_a_batch_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    file = EventFile(tmp_path / "requests.jsonl", EventLosses("requests.jsonl", counted))
    real = os.write

    def half(descriptor: int, content: memoryview) -> int:
        if len(content) < 500:
            raise OSError(errno.ENOSPC, "full")
        return real(descriptor, content[: len(content) // 2])

    file.export(_batch(1))
    with monkeypatch.context() as broken:
        broken.setattr(os, "write", half)
        assert file.export(_batch(100)) is LogRecordExportResult.FAILURE
    assert file.export(_batch(1)) is LogRecordExportResult.SUCCESS
    assert len(records(tmp_path / "requests.jsonl")) == 2


def test_a_failing_fsync_is_a_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted()
    file = EventFile(tmp_path / "requests.jsonl", EventLosses("requests.jsonl", counted))
    monkeypatch.setattr(os, "fsync", _fail(errno.EIO))
    assert file.export(_batch(7)) is LogRecordExportResult.FAILURE
    assert counted.events == {LossReason.IO_ERROR: 7}
    assert (tmp_path / "requests.jsonl").read_bytes() == b""


def test_a_folder_that_can_t_be_made_is_a_loss(tmp_path: Path) -> None:
    (tmp_path / "events").write_text("a file")
    counted = Counted()
    file = EventFile(tmp_path / "events" / "requests.jsonl", EventLosses("requests.jsonl", counted))
    assert file.export(_batch(1)) is LogRecordExportResult.FAILURE
    assert counted.events == {LossReason.IO_ERROR: 1}


def test_events_are_written_without_a_free_file_handle(tmp_path: Path) -> None:
    counted = Counted()
    file = EventFile(tmp_path / "events" / "requests.jsonl", EventLosses("requests.jsonl", counted))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        assert file.export(_batch(1)) is LogRecordExportResult.SUCCESS
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert counted.events == {}


def test_more_than_can_wait_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_file, "ROOM", 10)
    counted, may_write = Counted(), threading.Event()

    exported: list[ReadableLogRecord] = []

    def write(batch: Sequence[ReadableLogRecord]) -> None:
        may_write.wait()
        exported.extend(batch)

    queue = EventQueue(Exporter(write), EventLosses("requests.jsonl", counted), lambda _: True)
    events = Events(RESOURCE, SCOPE, [queue])
    for _ in range(40):
        events.emit({}, Context())
    may_write.set()
    queue.shutdown()
    assert len(exported) + counted.events[LossReason.QUEUE_FULL] == 40
    assert counted.events[LossReason.QUEUE_FULL] >= 20  # ten wait, and at most as many are being written


def test_a_mistake_in_one_batch_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    written: list[int] = []

    def write(batch: Sequence[ReadableLogRecord]) -> None:
        written.append(len(batch))
        if len(written) == 1:
            raise ValueError("a mistake")

    counted = Counted()
    queue = EventQueue(Exporter(write), EventLosses("requests.jsonl", counted), lambda _: True)
    events = Events(RESOURCE, SCOPE, [queue])
    events.emit({}, Context())
    queue.force_flush()
    events.emit({}, Context())
    queue.shutdown()
    assert (written, counted.events) == ([1, 1], {LossReason.IO_ERROR: 1})


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EFBIG, "file_size"),
        (errno.EMFILE, "file_handles"),
        (errno.EACCES, "io_error"),
        (None, "io_error"),
    ],
)
def test_every_error_has_a_reason_of_the_contract(number: int | None, reason: str) -> None:
    error = OSError(number, "x") if number else OSError()
    assert reason_of(error) == reason
    assert reason in LOSS_REASON.values


def _batch(size: int) -> list[ReadableLogRecord]:
    kept: list[ReadableLogRecord] = []
    queue = EventQueue(Exporter(kept.extend), EventLosses("none", Counted()), lambda _: True)
    events = Events(RESOURCE, SCOPE, [queue])
    for number in range(size):
        events.emit({"number": number}, Context())
    queue.shutdown()
    return kept


def _fail(number: int) -> Any:
    def failing(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    return failing
