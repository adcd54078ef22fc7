"""The files to which the server itself writes events, and the queue of each."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from opentelemetry.sdk._logs import LogRecordProcessor, ReadableLogRecord, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource

from otel.contract.event_fields import RequestField
from otel.contract.values import LossReason
from otel.sdk.event_json import json_line
from otel.sdk.event_losses import EventLosses, reason_of
from otel.support.rotating_file import RotatingFile

REQUESTS_FILE = "requests.jsonl"
REFUSED_FILE = "refused.jsonl"
"""Rejected requests have a separate file, so that a flood of them does not rotate other events away."""
MAX_BYTES = 50_000_000
FILES = 5
DELAY_SECONDS = 1.0
"""The maximum time that an event waits to be written."""
BATCH = 512
ROOM = 4096
"""The maximum number of waiting events, about 4 MB. When the queue is full, new events are lost."""
CLOSE_SECONDS = 30.0

log = logging.getLogger("ttscope.events")

Count = Callable[[LossReason, int], None]
EventFilter = Callable[[Mapping[str, Any]], bool]


class EventFile(LogRecordExporter):
    """Appends events to a file as OTLP JSON, one batch per line; SUCCESS means that the batch is on the disk.

    The file is rotated at 50 MB, and five files are kept. FAILURE means that the batch is not in the file and was
    counted as lost.
    """

    def __init__(self, path: Path, losses: EventLosses) -> None:
        """Opens the file at once, so that events are written even if the process runs out of handles later."""
        self._file = RotatingFile(path, MAX_BYTES, FILES)
        self._losses = losses
        with suppress(OSError):  # the first export tries again, and counts what it loses
            self._file.open()

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        try:
            self._file.append(json_line(batch).encode("utf-8", "replace"))
        except OSError as error:
            self._losses.add(reason_of(error), len(batch))
            return LogRecordExportResult.FAILURE
        self._losses.written()
        return LogRecordExportResult.SUCCESS

    def shutdown(self) -> None:
        self._file.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Returns at once: every batch is on the disk when its export returns."""
        return True


class EventQueue(LogRecordProcessor):
    """Collects events into batches and exports them in a separate thread, at most a second later.

    When the SDK's own processor is full, it drops events without reporting them, and its thread logs what it can't
    export.
    """

    def __init__(self, exporter: LogRecordExporter, losses: EventLosses, accepts: EventFilter) -> None:
        """``accepts`` decides by the attributes of an event whether this queue takes it."""
        self._exporter = exporter
        self._losses = losses
        self._accepts = accepts
        self._waiting: deque[ReadableLogRecord] = deque()
        self._awake = threading.Event()
        self._closed = False
        self._export_lock = threading.Lock()
        self._thread = threading.Thread(target=self._work, name="events", daemon=True)
        self._thread.start()

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        record = log_record.log_record
        if not self._accepts(record.attributes or {}):
            return
        if len(self._waiting) >= ROOM or self._closed:
            self._losses.add(LossReason.QUEUE_FULL, 1)
            return
        resource = log_record.resource or Resource.get_empty()
        scope, limits = log_record.instrumentation_scope, log_record.limits
        self._waiting.append(ReadableLogRecord(record, resource, scope, limits))
        if len(self._waiting) >= BATCH:
            self._awake.set()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        self._drain()
        return True

    def shutdown(self) -> None:
        """Writes the waiting events, and closes the file."""
        self._closed = True
        self._awake.set()
        self._thread.join(CLOSE_SECONDS)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _work(self) -> None:
        while not self._closed:
            self._awake.wait(DELAY_SECONDS)
            self._awake.clear()
            self._drain()
        self._drain()

    def _drain(self) -> None:
        with self._export_lock:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                try:
                    self._exporter.export(batch)
                except Exception:  # a bug that one batch triggers must not end the thread
                    log.exception("a batch of events can't be written")
                    self._losses.add(LossReason.IO_ERROR, len(batch))


def event_queues(folder: Path, count: Count) -> list[LogRecordProcessor]:
    """Returns the queues of both files in ``folder``; ``count`` is called for lost events."""

    def queue(name: str, accepts: EventFilter) -> EventQueue:
        losses = EventLosses(name, count)
        return EventQueue(EventFile(folder / name, losses), losses, accepts)

    return [queue(REQUESTS_FILE, lambda event: not _is_refused(event)), queue(REFUSED_FILE, _is_refused)]


def _is_refused(event: Mapping[str, Any]) -> bool:
    return event.get(RequestField.OUTCOME) == "rejected"
