"""Parts: Parquet files of rows, in a folder for each hour of the rows' times, numbered by their commit."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from drift import files
from drift.errors import RowsDamaged
from drift.rows.fields import FIELDS, FORMAT, REQUEST_ID, TIME, Type
from drift.rows.ingest_report import IngestReport
from drift.rows.otlp import LONGEST_TEXT, Row

HOURS = "hours"
"""The parent folder of the hours' folders."""
HOUR = timedelta(hours=1)
HOUR_MICROSECONDS = 3_600_000_000
FOLDER = "%Y-%m-%dT%HZ"
BUFFER_ROWS = 50_000
"""The number of rows in memory, and so the size of a row group: about 100 MB of Python objects."""
OPEN_PARTS = 16
"""The maximum number of hours that are written at once; rows arrive nearly in order, so two are usual."""
MOST_PARTS = 4
"""The number of parts of an hour that need not be merged: rows that come minute by minute have a part for each."""
MERGED = "9999"
"""The number of a merged part within the last of its commits."""
COMPRESSION = "zstd"

_TYPES: dict[Type, pa.DataType] = {
    "text": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
}
SCHEMA = pa.schema(
    [(TIME, pa.timestamp("us", tz="UTC")), *((field.name, _TYPES[field.type]) for field in FIELDS)],
    metadata={"drift.rows.format": str(FORMAT)},
)
_REPEATED = [field.name for field in FIELDS if field.type == "text" and field.name != REQUEST_ID]
"""The columns with few values, which dictionary encoding compresses."""
_PART = re.compile(r"(\d{9})-(\d{4,})\.parquet")


class Writer:
    """Takes rows in any order and writes the parts of one commit, which count only once the offsets include it."""

    def __init__(self, hours: Path, commit: int, report: IngestReport, *, judged_until: int | None) -> None:
        """``judged_until`` is in microseconds; rows before it count as late."""
        self._hours, self._commit, self._report = hours, commit, report
        self._judged_until = judged_until
        self._buffers: dict[int, list[Row]] = {}
        self._buffered = 0
        self._open: OrderedDict[int, _PartFile] = OrderedDict()
        self._parts = 0
        self._unsettled: set[Path] = set()

    @property
    def is_empty(self) -> bool:
        """Whether no row was added."""
        return not self._buffered and not self._parts

    def add(self, rows: Iterable[Row]) -> bool:
        """Adds rows, and returns whether rows were written, so that a caller may report its progress."""
        buffers = self._buffers
        for row in rows:
            hour = row[0] // HOUR_MICROSECONDS
            buffer = buffers.get(hour)
            if buffer is None:
                buffer = buffers[hour] = []
            buffer.append(row)
            self._buffered += 1
        if self._buffered < BUFFER_ROWS:
            return False
        self._flush()
        return True

    def close(self) -> None:
        """Writes the remaining rows, and waits until all are on the disk. Raises OSError."""
        self._flush()
        while self._open:
            self._finish()
        for folder in self._unsettled:
            files.settle(folder)
        if self._unsettled:
            files.settle(self._hours)

    def abandon(self) -> None:
        """Closes unfinished parts, which do not count; the next ingest removes them."""
        for part in self._open.values():
            with suppress(OSError, pa.ArrowException):
                part.writer.close()
        self._open.clear()

    def _flush(self) -> None:
        for hour in sorted(self._buffers):
            table = table_of(self._buffers.pop(hour), self._report)
            self._part_file(hour).writer.write_table(table)
            self._report.rows += table.num_rows
            if self._judged_until is not None:
                times = table.column(TIME).cast(pa.int64())
                self._report.late += pc.sum(pc.less(times, self._judged_until)).as_py() or 0
        self._buffered = 0

    def _part_file(self, hour: int) -> _PartFile:
        if hour in self._open:
            self._open.move_to_end(hour)
            return self._open[hour]
        if len(self._open) >= OPEN_PARTS:
            self._finish()
        folder = self._hours / (datetime(1970, 1, 1, tzinfo=UTC) + hour * HOUR).strftime(FOLDER)
        folder.mkdir(parents=True, exist_ok=True)
        self._parts += 1
        part = self._open[hour] = _PartFile(folder / f"{self._commit:09}-{self._parts:04}.parquet")
        self._unsettled.add(folder)
        return part

    def _finish(self) -> None:
        """Finishes the least recently written part."""
        _, part = self._open.popitem(last=False)
        part.writer.close()
        files.settle(part.path)


class _PartFile:
    """A part that is being written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = pq.ParquetWriter(
            path, SCHEMA, compression=COMPRESSION, use_dictionary=_REPEATED, write_page_checksum=True
        )


def table_of(rows: Sequence[Row], report: IngestReport) -> pa.Table:
    """Returns rows as columns; a value that a column can't or should not hold becomes null and is counted."""
    time, *columns = zip(*rows, strict=True)
    arrays = [pa.array(time, pa.int64()).cast(pa.timestamp("us", tz="UTC"))]
    for field, values in zip(FIELDS, columns, strict=True):
        array, wrong = _array(field.type, values)
        if wrong:
            report.wrong[field.name] += wrong
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=SCHEMA)


def _array(kind: Type, values: Sequence[Any]) -> tuple[pa.Array, int]:
    """Returns a column, and the number of its absurd values."""
    try:
        array = pa.array(values, _TYPES[kind])
    except OverflowError:  # an integer of more than 64 bits
        fits = [value if value is None or abs(value) < 2**63 else None for value in values]
        return pa.array(fits, _TYPES[kind]), fits.count(None) - values.count(None)
    if kind == "number":
        good = pc.is_finite(array)
    elif kind == "text":
        good = pc.less_equal(pc.utf8_length(array), LONGEST_TEXT)
    else:
        return array, 0
    if pc.all(good).as_py() is not False:  # None: all are null
        return array, 0
    wrong = int(pc.sum(pc.invert(good)).as_py())
    return pc.if_else(good, array, pa.scalar(None, array.type)), wrong


def hour_folders(hours: Path) -> list[tuple[datetime, Path]]:
    """Returns the hours that have a folder, in order."""
    folders = []
    for path in hours.iterdir() if hours.is_dir() else ():
        with suppress(ValueError):  # another name is not ours
            folders.append((datetime.strptime(path.name, FOLDER).replace(tzinfo=UTC), path))
    return sorted(folders)


def parts(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yields the parts of an hour and their commits, in order."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if match := _PART.fullmatch(path.name):
            yield int(match[1]), path


def merge(folder: Path, numbered: Sequence[tuple[int, Path]]) -> None:
    """Merges parts of an hour into one, which has the number of the last of their commits.

    A crash may leave both behind: then rows are there twice, and whoever reads them drops the copies. Raises OSError,
    RowsDamaged.
    """
    try:
        tables = [_complete(pq.ParquetFile(path).read()) for _, path in numbered]
    except pa.ArrowException as error:
        raise RowsDamaged(f"{folder.name} can't be merged: {error}") from error
    unfinished = folder / f"{files.UNFINISHED}merged"
    with pq.ParquetWriter(
        unfinished, SCHEMA, compression=COMPRESSION, use_dictionary=_REPEATED, write_page_checksum=True
    ) as writer:
        writer.write_table(pa.concat_tables(tables).sort_by(TIME), row_group_size=BUFFER_ROWS)
    files.settle(unfinished)
    merged = folder / f"{max(commit for commit, _ in numbered):09}-{MERGED}.parquet"
    unfinished.replace(merged)
    files.settle(folder)
    for _, path in numbered:
        if path != merged:
            path.unlink()


def _complete(table: pa.Table) -> pa.Table:
    """Returns the table with every field, null in a part of an older version without it."""
    columns = [
        table.column(field.name).cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in SCHEMA
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def edges(part: Path) -> tuple[datetime, ...]:
    """Returns the times of the first and last row of a part; none if it can't be read."""
    try:
        about = pq.read_metadata(part)
    except (OSError, pa.ArrowException):
        return ()
    groups = [about.row_group(number).column(0).statistics for number in range(about.num_row_groups)]
    times = [time for group in groups if group is not None and group.has_min_max for time in (group.min, group.max)]
    return (min(times), max(times)) if times else ()


def remove_after(hours: Path, commit: int) -> None:
    """Removes the parts of later commits that a crash left behind."""
    for _, folder in hour_folders(hours):
        for number, path in parts(folder):
            if number > commit:
                path.unlink(missing_ok=True)
        with suppress(OSError):  # only succeeds for an empty hour
            folder.rmdir()
