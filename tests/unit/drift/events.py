"""Events of requests as OTLP JSON lines, as the server and the Collector write them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from drift.rows.store import Rows

MORNING = datetime(2026, 11, 24, 8, tzinfo=UTC)
NOW = MORNING + timedelta(hours=12)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))


def nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def value(of: Any) -> dict[str, Any]:
    match of:
        case bool():
            return {"boolValue": of}
        case int():
            return {"intValue": str(of)}
        case float():
            return {"doubleValue": of}
        case dict():
            return of
        case _:
            return {"stringValue": of}


def attributes(**features: Any) -> list[dict[str, Any]]:
    """``stage__queue`` stands for tts.stage.queue."""
    return [{"key": f"tts.{name.replace('__', '.')}", "value": value(of)} for name, of in features.items()]


def record(number: int, *, at: datetime = MORNING, event: str = "tts.request", **features: Any) -> dict[str, Any]:
    """The event of the request ``number``, so many seconds after ``at``."""
    moment = nanoseconds(at + timedelta(seconds=number))
    given = {"request_id": f"request-{number}", "outcome": "ok", "word_count": number, "duration": 0.5} | features
    return {
        "timeUnixNano": str(moment),
        "observedTimeUnixNano": str(moment + 1000),
        "severityNumber": 9,
        "eventName": event,
        "attributes": attributes(**given),
        "traceId": "00",
    }


def export(*records: Any) -> dict[str, Any]:
    return {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"logRecords": list(records)}]}]}


def line(*records: Any) -> bytes:
    """A batch, with its line's end."""
    return json.dumps(export(*records), separators=(",", ":")).encode() + b"\n"


def lines(*numbers: int, at: datetime = MORNING) -> bytes:
    """Requests, one a line."""
    return b"".join(line(record(number, at=at)) for number in numbers)


def everything(rows: Rows) -> pd.DataFrame:
    return rows.window(*ALWAYS, most=1_000_000).frame


def numbers(rows: Rows) -> list[int]:
    """The requests whose rows are there, in order of time."""
    return [int(words) for words in everything(rows)["words"]]


def stored(folder: Path) -> int:
    """Rows in all parts that count, copies too."""
    window = Rows(folder).window(*ALWAYS, most=1)
    return window.count + window.duplicates
