"""A drift job whose verdicts, clock and listeners are the test's own; rows and state are the real ones."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from drift.columns.columns import COLUMNS
from drift.job import DriftJob
from drift.outputs.gauges import Gauges
from drift.outputs.outbox import NotDelivered, Notification, Outbox
from drift.rows.store import Rows
from drift.settings import Settings, load
from drift.state.clock import ClockReading
from drift.state.state_folder import StateFolder
from otel.contract.drift_verdict import Change, Score, Verdict, VerdictState

START = datetime(2026, 11, 24, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
FEW = 50
"""Requests that the fake judge can't judge fewer than."""
SLOW = 1.0
"""Seconds from which on the fake judge calls a window slow."""


def event(time: datetime, number: int, duration: float = 0.2) -> dict[str, Any]:
    """A record tts.request."""
    attributes = {
        "tts.request_id": f"{time:%d%H}-{number}",
        "tts.outcome": "ok",
        "tts.voice_name": "joe",
        "tts.duration": duration,
        "tts.word_count": 10,
        "tts.char_count": 60,
    }
    kinds = {str: "stringValue", float: "doubleValue", int: "intValue"}
    return {
        "timeUnixNano": str(int(time.timestamp() * 1e9)),
        "eventName": "tts.request",
        "attributes": [
            {"key": key, "value": {kinds[type(value)]: str(value) if isinstance(value, int) else value}}
            for key, value in attributes.items()
        ],
    }


def write_events(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Appends them as the Collector does, one batch a line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        for record in records:
            line = {"resourceLogs": [{"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": [record]}]}]}
            file.write(json.dumps(line) + "\n")


def hour_of_events(path: Path, start: datetime, count: int = 60, duration: float = 0.2) -> None:
    """An hour's requests, evenly."""
    write_events(path, (event(start + number * HOUR / count, number, duration) for number in range(count)))


def fake_judge(  # noqa: PLR0917 - as judge has it
    start: datetime,
    end: datetime,
    rows: pd.DataFrame,
    count: int,
    reference: object,
    previous: Sequence[Verdict],
    *,
    consecutive: int,
    minimum_rows: int,
) -> tuple[Verdict, None]:
    """Looks at the mean duration alone; as many slow windows in a row as it takes are drift."""
    if count < FEW:
        return Verdict(start, end, VerdictState.INSUFFICIENT_DATA, count, None), None
    mean = float(rows["duration"].mean())
    slow = mean >= SLOW
    last = next((verdict for verdict in reversed(previous) if verdict.scores), None)
    latency = next((s for s in last.scores if s.column == "latency"), None) if last else None
    last_since = latency.since if latency else None
    in_a_row = (latency.consecutive if latency else 0) + 1 if slow else 0
    detected = in_a_row >= consecutive
    scores = tuple(
        Score(
            column=column.name,
            subject=column.subject,
            value=mean if column.name == "latency" else 0.0,
            threshold=SLOW,
            over=slow and column.name == "latency",
            consecutive=in_a_row if column.name == "latency" else 0,
            detected=detected and column.name == "latency",
            since=(last_since or start) if slow and column.name == "latency" else None,
            size=count,
            method="wasserstein",
            missing_share=0.0,
            change=Change(0.2, mean, mean / 0.2) if column.name == "latency" else None,
        )
        for column in COLUMNS
    )
    state = VerdictState.DRIFT if detected else VerdictState.SUSPECTED if slow else VerdictState.STABLE
    return Verdict(start, end, state, count, None, scores=scores), None


class Listener:
    """An output that writes down, in a file that outlives the process, whatever it is told."""

    def __init__(self, name: str, book: Path) -> None:
        self.name = name
        self.book = book
        self.deaf = False

    def concerns(self, verdict: Verdict, transition: str | None) -> bool:
        return self.name != "webhook" or transition is not None

    def deliver(self, notification: Notification) -> str:
        if self.deaf:
            raise NotDelivered("nobody listens")
        with self.book.open("a", encoding="utf-8") as book:
            book.write(f"{self.name} {notification.name} {notification.transition} {notification.text}\n")
        return "sent"

    def drop_before(self, time: datetime) -> None:
        pass


def settings_of(folder: Path, **given: object) -> Settings:
    """Hourly windows of events in ``folder``."""
    defaults = {"automatic": False, "mlflow_enabled": False}
    return load(events=(folder / "events",), state=folder / "state", **{**defaults, **given})


def job_of(
    settings: Settings,
    now: datetime,
    outputs: Sequence[Any] = (),
    *,
    state: StateFolder | None = None,
    judging: Any = fake_judge,
) -> DriftJob:
    """The job at ``now``; whoever runs it holds the lock or needs none."""
    state = state or StateFolder.open(settings.state)
    return DriftJob(
        settings,
        state=state,
        rows=Rows(state.rows),
        outbox=Outbox(outputs),
        gauges=Gauges([], settings.state),
        judging=judging,
        clock=lambda: ClockReading(now, "boot", now.timestamp()),
    )
