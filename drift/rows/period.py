"""The rows of a long period as tables of DuckDB, for totals that need no row in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from drift.errors import RowsDamaged
from drift.rows import machine, parquet, query

# A timestamp without a zone, in UTC: functions of time zones need an extension of DuckDB.
_REQUESTS = """
    create temp table requests as
    select * exclude (filename, file_row_number), make_timestamp(epoch_us(time)) as moment from parts
    where time >= $start and time < $end
    qualify row_number() over (partition by request_id, time order by filename, file_row_number) = 1
"""
_MACHINE = """
    create temp table machine as
    select *, make_timestamp(epoch_us(time)) as moment from machine_parts
    where time >= $start and time < $end
    qualify row_number() over (partition by server, number order by time) = 1
"""


class Period:
    """The tables ``requests`` and ``machine``: each event of the period once. ``moment`` is its time in UTC."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection

    def rows(self, sql: str, **values: Any) -> list[dict[str, Any]]:
        """Returns the rows of a query, each by the names of its columns. Raises RowsDamaged."""
        try:
            result = self._connection.execute(sql, values or None)
            names = [column[0] for column in result.description or ()]
            return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
        except duckdb.Error as error:
            raise RowsDamaged(f"the rows of the period can't be read: {error}") from error

    def one(self, sql: str, **values: Any) -> dict[str, Any]:
        """Returns the only row of a query. Raises RowsDamaged."""
        (row,) = self.rows(sql, **values)
        return row


@contextmanager
def opened(
    parts: Sequence[Path], machine_parts: Sequence[Path], start: datetime, end: datetime, *, spill: Path
) -> Iterator[Period]:
    """Yields the rows from ``start`` to before ``end``. Raises RowsDamaged if a part can't be read."""
    bounds = {"start": start, "end": end}
    with closing(query.connect(spill)) as connection:
        try:
            _open_requests(connection, parts)
            _open_machine(connection, machine_parts)
            connection.execute(_REQUESTS, bounds)
            connection.execute(_MACHINE, bounds)
        except (duckdb.Error, pa.ArrowException) as error:
            raise RowsDamaged(f"the rows from {start} to {end} can't be read: {error}") from error
        yield Period(connection)


def _open_requests(connection: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> None:
    if parts:
        query.open_parts(connection, parts)
        return
    connection.register("no_parts", parquet.SCHEMA.empty_table())
    connection.execute("create view parts as select *, '' as filename, 0 as file_row_number from no_parts")


def _open_machine(connection: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> None:
    """Creates the view ``machine_parts`` with every field, null in files of older versions without it."""
    connection.register("no_machine", machine.SCHEMA.empty_table())
    if not parts:
        connection.execute("create view machine_parts as select * from no_machine")
        return
    read = connection.read_parquet([str(part) for part in parts], union_by_name=True)
    there = [name for name in read.columns if name in machine.SCHEMA.names]
    read.project(", ".join(there)).create_view("written")
    connection.execute("create view machine_parts as select * from written union all by name select * from no_machine")
