"""``python -m drift.rows STATE EVENTS...`` ingests events and reads their windows, without judging them.

Use it to inspect what is ingested, and to measure how fast (bench/drift.py). It prints a JSON object for each ingest.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drift.bucket_address import EventSource, event_argument
from drift.errors import DriftError
from drift.rows.parquet import HOUR
from drift.rows.store import Rows

MOST_ROWS = 20_000
"""The maximum number of rows of a window, equal to the job's default."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status, 0 when all was ingested."""
    parser = argparse.ArgumentParser(prog="python -m drift.rows", description=__doc__)
    parser.add_argument("state", type=Path, help="a folder for the rows; not one that the drift job uses meanwhile")
    parser.add_argument("events", type=event_argument, nargs="+", help="files of OTLP JSON lines, folders, or s3://...")
    parser.add_argument("--again", action="store_true", help="once more for every line of the input")
    given = parser.parse_args(arguments)
    rows = Rows(given.state)
    known: frozenset[datetime] = frozenset()
    try:
        for _ in sys.stdin if given.again else (None,):
            print(json.dumps(ingest(rows, given.events, known)), flush=True)
            known = frozenset(rows.hours()[:-1])  # the last hour may get more rows
    except (DriftError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def ingest(rows: Rows, events: Sequence[EventSource], known: frozenset[datetime]) -> dict[str, Any]:
    """Ingests ``events``, and reads the windows of the hours that are not ``known``."""
    report = rows.ingest(events, now=datetime.now(UTC), judged_until=None)
    windows = {}
    for hour in rows.hours():
        if hour not in known:
            window = rows.window(hour, hour + HOUR, most=MOST_ROWS)
            windows[hour.isoformat()] = {
                "rows": window.count,
                "duplicates": window.duplicates,
                "sample": len(window.frame),
                "unreadable": window.unreadable,
            }
    return {"rows": report.rows, "bytes": report.bytes, "problems": report.problems(), "windows": windows}


if __name__ == "__main__":
    sys.exit(main())
