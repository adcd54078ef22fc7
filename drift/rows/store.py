"""Stores rows: ingests new events from files, each once, and returns the rows of a window.

One process at a time works on a folder of rows, and holds the lock of the state folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

import pandas as pd

from drift import files
from drift.bucket_address import EventSource
from drift.rows import machine, offsets, parquet, period, query
from drift.rows.ingest import COMMIT_BYTES, Ingest, Progress, Step
from drift.rows.ingest_report import IngestReport
from drift.rows.period import Period
from drift.rows.query import WindowRows


def _go_on(step: str) -> None:
    pass


class Rows:
    """A folder of rows."""

    def __init__(self, folder: Path, *, commit_bytes: int = COMMIT_BYTES, step: Step = _go_on) -> None:
        """``step`` is called after each step of an ingest; an error that it raises ends the ingest there."""
        self._folder, self._hours, self._spill = folder, folder / parquet.HOURS, folder / query.SPILL
        self._commit_bytes, self._step = commit_bytes, step

    def ingest(
        self,
        events: Sequence[EventSource],
        *,
        now: datetime,
        judged_until: datetime | None,
        on_progress: Progress | None = None,
    ) -> IngestReport:
        """Ingests new events from ``events``: files, folders and buckets, each once, even after an interruption.

        Invalid content is counted and never raises. Raises OSError if the rows can't be stored, RowsIncompatible, and
        EventsUnreachable; then committed rows stay, and the next ingest takes the rest.
        """
        ingest = Ingest(
            self._folder,
            now=now,
            judged_until=judged_until,
            commit_bytes=self._commit_bytes,
            step=self._step,
            on_progress=on_progress,
        )
        return ingest.run(events)

    def window(self, start: datetime, end: datetime, *, most: int) -> WindowRows:
        """Returns the rows from ``start`` to before ``end``, each event once; a fixed sample if more than ``most``.

        Raises RowsDamaged, RowsIncompatible, and ValueError if ``most`` is not positive.
        """
        inside = [part for hour, part in self._parts() if hour < end and hour + parquet.HOUR > start]
        return query.window(inside, start, end, most=most, spill=self._spill)

    def period(self, start: datetime, end: datetime) -> AbstractContextManager[Period]:
        """Returns the rows from ``start`` to before ``end``, and those of machines, as tables for totals.

        Entering it raises RowsDamaged or RowsIncompatible.
        """
        inside = [part for hour, part in self._parts() if hour < end and hour + parquet.HOUR > start]
        known = offsets.load(self._folder)
        of_machines = list(machine.parts(self._folder, None if known is None else known.commits))
        return period.opened(inside, of_machines, start, end, spill=self._spill)

    def commits(self, after: int = -1) -> list[int]:
        """Returns the numbers of the commits after ``after`` that have rows, in order."""
        return sorted({commit for _, commit, _ in self._numbered() if commit > after})

    def of_commit(self, commit: int) -> pd.DataFrame:
        """Returns the rows that came with ``commit`` and with no commit before it. Raises RowsDamaged."""
        parts = self._numbered()
        mine = [path for _, number, path in parts if number == commit]
        hours = {hour for hour, number, _ in parts if number == commit}
        known = [path for hour, number, path in parts if number < commit and hour in hours]
        return query.new_rows(mine, known, spill=self._spill)

    def merge(self, before: datetime, *, read: int) -> int:
        """Merges the small parts of each hour that ended by ``before``, and returns the number of these hours.

        Only parts of commits up to ``read`` are merged. Raises OSError, RowsDamaged.
        """
        merged = 0
        for hour, folder in parquet.hour_folders(self._hours):
            paths = [(commit, path) for commit, path in parquet.parts(folder) if commit <= read]
            if hour + parquet.HOUR <= before and len(paths) > parquet.MOST_PARTS:
                parquet.merge(folder, paths)
                merged += 1
        return merged

    def hours(self) -> tuple[datetime, ...]:
        """Returns the hours that have rows, in order."""
        return tuple(sorted({hour for hour, _ in self._parts()}))

    def first(self) -> datetime | None:
        """Returns the time of the first row; None without any."""
        return self._edge(0, min)

    def last(self) -> datetime | None:
        """Returns the time of the last row; None without any."""
        return self._edge(-1, max)

    def drop_before(self, moment: datetime) -> int:
        """Removes the hours that end by ``moment``, and returns their number. Raises OSError."""
        old = [folder for hour, folder in parquet.hour_folders(self._hours) if hour + parquet.HOUR <= moment]
        for folder in old:
            files.remove(folder)
        machine.drop_before(self._folder, moment)
        return len(old)

    def _parts(self) -> list[tuple[datetime, Path]]:
        """Returns all parts that count, and their hours."""
        return [(hour, path) for hour, _, path in self._numbered()]

    def _numbered(self) -> list[tuple[datetime, int, Path]]:
        """Returns all parts that count, their hours, and the commits that they came with."""
        known = offsets.load(self._folder)
        return [
            (hour, commit, path)
            for hour, folder in parquet.hour_folders(self._hours)
            for commit, path in parquet.parts(folder)
            if known is None or commit <= known.commits
        ]

    def _edge(self, place: int, choose: Callable[[list[datetime]], datetime]) -> datetime | None:
        """Returns the first or last time, from the parts of the first or last hour."""
        hours = self.hours()
        if not hours:
            return None
        times = [time for hour, part in self._parts() if hour == hours[place] for time in parquet.edges(part)]
        return choose(times) if times else hours[place]
