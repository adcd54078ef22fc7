"""Reads the rows of a window with DuckDB from the parts of its hours."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from drift.errors import RowsDamaged
from drift.rows.parquet import SCHEMA
from otel.contract.recognition_values import PROBE_CLIENT

SPILL = "spill"
"""The folder to which DuckDB spills what does not fit into memory."""
THREADS = 2
MEMORY = "1GB"
"""DuckDB's memory limit, instead of 80 % of the machine's: the whole job must stay below 2 GB. The rest goes to
disk."""
_PANDAS = {
    pa.int64(): pd.Int64Dtype(),
    pa.bool_(): pd.BooleanDtype(),
    pa.string(): pd.StringDtype(na_value=float("nan")),
}

# The key by which a sample is chosen: the same rows each time, in any version and any order of arrival. It includes the
# time, since a caller may reuse an id many times.
_MACRO = "create macro sample_key(id, time) as md5_number_lower(coalesce(id, '') || epoch_us(time))"
_OF_USERS = f"create view users as select * from parts where client is distinct from '{PROBE_CLIENT}'"  # noqa: S608
"""The rows without the prober's requests, which say nothing of the traffic."""
_COUNT = """
    select count(*), count(distinct (request_id, time)) from users where time >= $start and time < $end
"""
_LAST_KEY = """
    select max(key) from (
        select distinct sample_key(request_id, time) as key from users where time >= $start and time < $end
        order by key limit $most
    )
"""
_ROWS = """
    select * from users
    where time >= $start and time < $end and ($last is null or sample_key(request_id, time) <= $last)
    qualify row_number() over (partition by request_id, time order by filename, file_row_number) = 1
    order by time, request_id
"""
_NEW_ROWS = """
    select * from parts anti join known using (request_id, time)
    qualify row_number() over (partition by request_id, time order by filename, file_row_number) = 1
    order by time, request_id
"""


@dataclass(frozen=True, slots=True)
class WindowRows:
    """The rows of a window."""

    frame: pd.DataFrame
    """One row for each event, in order of time; every field is a column of a fixed type."""
    count: int
    """The number of distinct rows of the window; ``frame`` may be a sample of them."""
    duplicates: int
    """The number of copies of rows, which are omitted."""
    unreadable: tuple[str, ...] = ()
    """The damaged parts, which are omitted."""


def window(parts: Sequence[Path], start: datetime, end: datetime, *, most: int, spill: Path) -> WindowRows:
    """Returns the rows from ``start`` to before ``end``; if there are more than ``most``, a reproducible sample.

    Raises RowsDamaged, and ValueError if ``most`` is not positive.
    """
    if most < 1:
        raise ValueError(f"a window of at most {most} rows")
    bounds = {"start": start, "end": end}
    try:
        return _read(parts, bounds, most, spill)
    except (duckdb.Error, pa.ArrowException) as error:
        sound = [part for part in parts if _is_sound(part)]
        if len(sound) == len(parts):
            raise RowsDamaged(f"the rows from {start} to {end} can't be read: {error}") from error
        rows = _read(sound, bounds, most, spill)
        damaged = tuple(sorted(f"{part.parent.name}/{part.name}" for part in set(parts) - set(sound)))
        return WindowRows(rows.frame, rows.count, rows.duplicates, damaged)


def new_rows(parts: Sequence[Path], known: Sequence[Path], *, spill: Path) -> pd.DataFrame:
    """Returns the distinct rows of ``parts`` that are not in ``known`` parts. Raises RowsDamaged."""
    if not parts:
        return _frame(SCHEMA.empty_table())
    try:
        with closing(connect(spill)) as connection:
            open_parts(connection, parts)
            connection.execute("create temp table known (request_id varchar, time timestamptz)")
            if known:
                read = connection.read_parquet([str(part) for part in known], union_by_name=True)
                read.project("request_id, time").insert_into("known")
            return _frame(connection.sql(_NEW_ROWS).to_arrow_table())
    except (duckdb.Error, pa.ArrowException) as error:
        raise RowsDamaged(f"new rows can't be read: {error}") from error


def _read(parts: Sequence[Path], bounds: dict[str, Any], most: int, spill: Path) -> WindowRows:
    if not parts:
        return WindowRows(_frame(SCHEMA.empty_table()), 0, 0)
    with closing(connect(spill)) as connection:
        open_parts(connection, parts)
        connection.execute(_OF_USERS)
        total, count = _one(connection, _COUNT, bounds)
        last = None
        if count > most:  # the sample has the keys up to this one; only its rows are read completely
            (last,) = _one(connection, _LAST_KEY, {**bounds, "most": most})
        table = connection.sql(_ROWS, params={**bounds, "last": last}).to_arrow_table()
    return WindowRows(_frame(table), count, total - count)


def connect(spill: Path) -> duckdb.DuckDBPyConnection:
    """Returns a connection with bounded memory, which spills to the folder ``spill``."""
    return duckdb.connect(
        config={
            "threads": THREADS,
            "memory_limit": MEMORY,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )


def open_parts(connection: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> None:
    """Creates the view ``parts`` with every field, null in parts of older versions without it."""
    connection.execute(_MACRO)
    read = connection.read_parquet(
        [str(part) for part in parts], union_by_name=True, filename=True, file_row_number=True
    )
    there = set(read.columns)
    columns = [name if name in there else f"null as {name}" for name in SCHEMA.names]
    read.project(", ".join([*columns, "filename", "file_row_number"])).create_view("parts")


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: dict[str, Any]) -> tuple[Any, ...]:
    (row,) = connection.sql(query, params=values).fetchall()
    return tuple(row)


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.select(SCHEMA.names).cast(SCHEMA).to_pandas(types_mapper=_PANDAS.get)
    return frame


def _is_sound(part: Path) -> bool:
    """Returns whether the part can be read to its end."""
    try:
        with pq.ParquetFile(part, page_checksum_verification=True) as file:
            for _ in file.iter_batches():
                pass
    except (OSError, pa.ArrowException):
        return False
    return True
