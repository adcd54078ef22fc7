"""The rows: takes what is new in files of events, each event once, and gives the rows of a window.

One process at a time: whoever opens a store holds the lock of its folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from drift import files
from drift.rows import offsets, parquet, query
from drift.rows.ingest import COMMIT_BYTES, Ingest, Progress, Step
from drift.rows.ingest_report import IngestReport
from drift.rows.query import WindowRows


def _go_on(step: str) -> None:
    pass


class Rows:
    """A folder of rows."""

    def __init__(self, folder: Path, *, commit_bytes: int = COMMIT_BYTES, step: Step = _go_on) -> None:
        """``step`` is told of each step of an intake; an error that it raises stops it there."""
        self._folder, self._hours, self._spill = folder, folder / parquet.HOURS, folder / query.SPILL
        self._commit_bytes, self._step = commit_bytes, step

    def take(
        self,
        paths: Sequence[Path],
        *,
        now: datetime,
        judged_until: datetime | None,
        on_progress: Progress | None = None,
    ) -> IngestReport:
        """Stores what is new in ``paths``, files or folders of them: every event once, whenever this may be cut off.

        Whatever the files hold is not an error but counted. Raises OSError if the rows can't be stored, and
        RowsIncompatible; then what was committed stays, and the rest is taken the next time.
        """
        taking = Ingest(
            self._folder,
            now=now,
            judged_until=judged_until,
            commit_bytes=self._commit_bytes,
            step=self._step,
            on_progress=on_progress,
        )
        return taking.run(paths)

    def window(self, start: datetime, end: datetime, *, most: int) -> WindowRows:
        """The rows from ``start`` to before ``end``, one for each event; of more than ``most`` the same sample always.

        Raises RowsDamaged, RowsIncompatible, and ValueError if ``most`` is not positive.
        """
        inside = [part for hour, part in self._parts() if hour < end and hour + parquet.HOUR > start]
        return query.window(inside, start, end, most=most, spill=self._spill)

    def hours(self) -> tuple[datetime, ...]:
        """The hours that have rows, in order."""
        return tuple(sorted({hour for hour, _ in self._parts()}))

    def first(self) -> datetime | None:
        """The time of the first row; None without any."""
        return self._edge(0, min)

    def last(self) -> datetime | None:
        """The time of the last row; None without any."""
        return self._edge(-1, max)

    def drop_before(self, moment: datetime) -> int:
        """Removes the hours that end until then, and says how many. Raises OSError."""
        old = [folder for hour, folder in parquet.hour_folders(self._hours) if hour + parquet.HOUR <= moment]
        for folder in old:
            files.remove(folder)
        return len(old)

    def _parts(self) -> list[tuple[datetime, Path]]:
        """All parts that count, and their hours."""
        known = offsets.load(self._folder)
        return [
            (hour, path)
            for hour, folder in parquet.hour_folders(self._hours)
            for commit, path in parquet.parts(folder)
            if known is None or commit <= known.commits
        ]

    def _edge(self, place: int, choose: Callable[[list[datetime]], datetime]) -> datetime | None:
        """The first or last time, which stands in the parts of the first or last hour."""
        hours = self.hours()
        if not hours:
            return None
        times = [time for hour, part in self._parts() if hour == hours[place] for time in parquet.edges(part)]
        return choose(times) if times else hours[place]
