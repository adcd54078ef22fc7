"""Rows of the event tts.machine: what each minute of a server's machine was used for. One Parquet file a commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drift import files
from drift.rows.fields import TIME
from otel.contract.event_fields import MachineField

FOLDER = "machine"
"""The folder of the files, inside the folder of rows."""
SERVER, NUMBER = "server", "number"
_PREFIX = "tts.machine."
_TYPES = {"string": pa.string(), "int": pa.int64(), "double": pa.float64()}
_FILE = re.compile(r"(\d{9})\.parquet")

NAMES = {field.value: field.removeprefix(_PREFIX).replace(".", "_") for field in MachineField}
"""The column of each field, such as cost_idle for tts.machine.cost.idle."""
SCHEMA = pa.schema(
    [(TIME, pa.timestamp("us", tz="UTC")), *((NAMES[field], _TYPES[field.type]) for field in MachineField)]
)
LONGEST = 256
"""The maximum number of characters of a text."""
LARGEST = 1e15
"""The absolute limit of a number: no amount of a minute is near it."""
MachineRow = dict[str, Any]
"""The columns of one event; the time in microseconds since the epoch."""


def row(time: int, attributes: Mapping[str, Any]) -> MachineRow | None:
    """Returns the row of an event from ``time``, in microseconds; None if its server or its number is missing, or a
    value is absurd. An attribute that is no field is ignored."""
    values: MachineRow = {TIME: time}
    for field in MachineField:
        value = attributes.get(field.value)
        if value is not None and not _fits(field, value):
            return None
        values[NAMES[field]] = float(value) if field.type == "double" and value is not None else value
    return None if not values[SERVER] or values[NUMBER] is None else values


def _fits(field: MachineField, value: object) -> bool:
    """Returns whether the value is of the field's type, and as large as a file can hold."""
    match field.type:
        case "double":
            return isinstance(value, int | float) and abs(value) < LARGEST
        case "int":
            return isinstance(value, int) and abs(value) < 2**63
        case _:
            return isinstance(value, str) and len(value) <= LONGEST


def write(folder: Path, commit: int, rows: Sequence[MachineRow]) -> None:
    """Writes the rows of a commit, which count only once the offsets include it. Raises OSError."""
    path = folder / FOLDER / f"{commit:09}.parquet"
    if not rows:
        path.unlink(missing_ok=True)  # of an ingest that was interrupted
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([{**each, TIME: None} for each in rows], schema=SCHEMA)
    times = pa.array([each[TIME] for each in rows], pa.int64()).cast(SCHEMA.field(TIME).type)
    pq.write_table(table.set_column(0, SCHEMA.field(TIME), times), path, compression="zstd")
    files.settle(path)


def parts(folder: Path, commits: int | None) -> Iterator[Path]:
    """Yields the files that count, in order; all of them if ``commits`` is None."""
    inside = folder / FOLDER
    for path in sorted(inside.iterdir()) if inside.is_dir() else ():
        match = _FILE.fullmatch(path.name)
        if match and (commits is None or int(match[1]) <= commits):
            yield path


def drop_before(folder: Path, moment: datetime) -> None:
    """Removes the files whose rows are all older than ``moment``."""
    for path in parts(folder, None):
        with suppress(OSError, pa.ArrowException):
            about = pq.read_metadata(path)
            groups = [about.row_group(number).column(0).statistics for number in range(about.num_row_groups)]
            if all(group is not None and group.has_min_max and group.max < moment for group in groups):
                path.unlink(missing_ok=True)
