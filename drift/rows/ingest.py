"""An intake: what is new in files of events, line by line in bounded memory, committed in steps.

A commit is: parts written and on the disk, then the ledger replaced. Parts of a commit that is not in the ledger do
not count and are removed by the next intake, which begins where the ledger says: wherever it is cut off, the rows are
the same in the end.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from drift import files
from drift.rows import offsets, parquet, query, sources
from drift.rows.ingest_report import IngestReport
from drift.rows.offsets import Offsets, ReadPosition, SourceOffset
from drift.rows.otlp import OtlpDecoder, microseconds
from drift.rows.sources import EventLine

COMMIT_BYTES = 2**30
"""Read between two commits: at most this is read again after a crash."""
LOOKS = 3
"""How often the folders are looked into during one intake: a file that is rotated meanwhile has another name then."""

Progress = Callable[[int, int], None]
"""Told of the bytes that are done, and of those there are."""
Step = Callable[[str], None]
"""Told of each step before the next one is taken; an error that it raises ends the intake there."""


class Ingest:
    """One intake into a folder of rows."""

    def __init__(
        self,
        folder: Path,
        *,
        now: datetime,
        judged_until: datetime | None,
        commit_bytes: int,
        step: Step,
        on_progress: Progress | None,
    ) -> None:
        self._folder, self._hours = folder, folder / parquet.HOURS
        self._commit_bytes, self._step, self._on_progress = commit_bytes, step, on_progress
        self._judged_until = microseconds(judged_until) if judged_until else None
        self._intake = IngestReport()
        self._decoder = OtlpDecoder(self._intake, now)
        self._seen: set[tuple[int, int]] = set()
        self._present: set[str] = set()
        self._uncommitted = 0
        self._done = self._total = 0

    def run(self, paths: Sequence[Path]) -> IngestReport:
        """Takes all of it. Raises OSError, RowsIncompatible."""
        self._ledger = self._open()
        self._writer = self._new_writer()
        try:
            for _ in range(LOOKS):
                fresh = self._look(paths)
                if not fresh:
                    break
                for path in fresh:
                    self._take_file(path)
            self._ledger.forget(self._present)
            self._commit()
        except BaseException:
            self._writer.abandon()
            raise
        return self._intake

    def _open(self) -> Offsets:
        """The ledger, with nothing in the folder that it does not know of."""
        self._hours.mkdir(parents=True, exist_ok=True)
        files.sweep(self._folder)
        files.sweep(self._hours)
        shutil.rmtree(self._folder / query.SPILL, ignore_errors=True)
        known = offsets.load(self._folder)
        if known is None:
            offsets.set_aside(self._folder)
            numbers = [number for _, folder in parquet.hour_folders(self._hours) for number, _ in parquet.parts(folder)]
            self._intake.ledger_lost = bool(numbers) or (self._folder / offsets.DAMAGED).exists()
            known = Offsets(commits=max(numbers, default=0))
            offsets.save(self._folder, known)  # before any part: parts without a ledger mean that it was lost
        parquet.remove_after(self._hours, known.commits)
        self._step("swept")
        return known

    def _new_writer(self) -> parquet.Writer:
        return parquet.Writer(self._hours, self._ledger.commits + 1, self._intake, judged_until=self._judged_until)

    def _look(self, paths: Sequence[Path]) -> list[Path]:
        """The files that were not looked into yet."""
        found, unreadable = sources.find(paths)
        self._intake.unreadable |= unreadable
        fresh = []
        for path in found:
            try:
                about = path.stat()
            except OSError:  # renamed since: it is found at the next look
                continue
            if (about.st_dev, about.st_ino) not in self._seen:
                fresh.append(path)
                self._total += about.st_size
        return fresh

    def _take_file(self, path: Path) -> None:
        self._step("file")
        try:
            file = path.open("rb", buffering=2**20)
        except FileNotFoundError:  # renamed since: it is found at the next look
            return
        except OSError as error:
            self._intake.unreadable[str(path)] = sources.why(error)
            return
        with file:
            about = os.fstat(file.fileno())
            self._seen.add((about.st_dev, about.st_ino))
            self._intake.files += 1
            try:
                place = self._ledger.place(file, about.st_size)
            except OSError as error:
                self._intake.unreadable[str(path)] = sources.why(error)
                return
            if place is None:
                self._intake.waiting += about.st_size
                return
            self._present.add(place.key)
            self._intake.restarted += place.restarted
            self._done += place.offset
            end = self._take_lines(self._lines(file, place, path), place)
            self._intake.waiting += max(0, os.fstat(file.fileno()).st_size - end)

    def _lines(self, file: BinaryIO, place: ReadPosition, path: Path) -> Iterator[EventLine]:
        """The new lines, up to where the file can't be read; errors of storing them are none of these."""
        try:
            yield from sources.whole_lines(file, place.offset)
        except OSError as error:
            self._intake.unreadable[str(path)] = sources.why(error)

    def _take_lines(self, lines: Iterator[EventLine], place: ReadPosition) -> int:
        """Takes the lines; the offset behind them."""
        end = place.offset
        for line in lines:
            written = self._take_line(line)
            length, end = line.end - end, line.end
            self._intake.bytes += length
            self._uncommitted += length
            self._done += length
            self._ledger.sources[place.key] = SourceOffset(end, line.tail, self._ledger.commits + 1)
            if self._uncommitted >= self._commit_bytes:
                self._commit()
            if written and self._on_progress:
                self._on_progress(self._done, self._total)
        return end

    def _take_line(self, line: EventLine) -> bool:
        """Whether rows were written."""
        if line.content is None:
            self._intake.lines += 1
            self._intake.oversized += 1
        elif not line.content.isspace():
            self._intake.lines += 1
            if self._writer.add(self._decoder.rows(line.content)):
                self._step("written")
                return True
        return False

    def _commit(self) -> None:
        if not self._uncommitted:
            return
        self._writer.close()
        self._step("parts")
        self._ledger.commits += 1
        offsets.save(self._folder, self._ledger)
        self._step("committed")
        self._writer, self._uncommitted = self._new_writer(), 0
