"""Ingests new lines of event files, one by one in bounded memory, and commits rows in steps.

A commit writes parts, waits until they are on the disk, and then replaces the offsets. Parts of a commit that is not in
the offsets do not count; the next ingest removes them and resumes at the offsets. So the final rows are the same
wherever an ingest is interrupted.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from drift import files
from drift.bucket_address import EventSource
from drift.rows import machine, offsets, parquet, query, sources
from drift.rows.bucket import Bucket, EventObject, ObjectUnreadable
from drift.rows.ingest_report import IngestReport
from drift.rows.offsets import Offsets, SourceOffset
from drift.rows.otlp import OtlpDecoder, microseconds
from drift.rows.sources import EventLine

COMMIT_BYTES = 2**30
"""The bytes that are read between two commits, and so the maximum that is read again after a crash."""
LOOKS = 3
"""How often one ingest lists the folders, since a file that is rotated meanwhile gets another name."""

Progress = Callable[[int, int], None]
"""A callback with the bytes read so far, and the total."""
Step = Callable[[str], None]
"""A callback after each step; an error that it raises ends the ingest there."""


class Ingest:
    """One ingest into a folder of rows."""

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
        self._report = IngestReport()
        self._decoder = OtlpDecoder(self._report, now)
        self._seen: set[tuple[int, int]] = set()
        self._present: set[str] = set()
        self._uncommitted = 0
        self._done = self._total = 0

    def run(self, events: Sequence[EventSource]) -> IngestReport:
        """Ingests what is new in ``events``. Raises OSError, RowsIncompatible, EventsUnreachable."""
        paths = [source for source in events if isinstance(source, Path)]
        buckets = [Bucket(source) for source in events if not isinstance(source, Path)]
        self._offsets = self._open()
        self._writer = self._new_writer()
        try:
            for _ in range(LOOKS):
                fresh = self._look(paths)
                if not fresh:
                    break
                for path in fresh:
                    self._ingest_file(path)
            self._offsets.forget(self._present)
            if buckets:
                self._offsets.objects &= {key for bucket in buckets for key in self._ingest_bucket(bucket)}
            self._commit()
        except BaseException:
            self._writer.abandon()
            raise
        return self._report

    def _open(self) -> Offsets:
        """Returns the offsets, after removing parts that they do not include."""
        self._hours.mkdir(parents=True, exist_ok=True)
        files.sweep(self._folder)
        files.sweep(self._hours)
        shutil.rmtree(self._folder / query.SPILL, ignore_errors=True)
        known = offsets.load(self._folder)
        if known is None:
            offsets.set_aside(self._folder)
            numbers = [number for _, folder in parquet.hour_folders(self._hours) for number, _ in parquet.parts(folder)]
            self._report.ledger_lost = bool(numbers) or (self._folder / offsets.DAMAGED).exists()
            known = Offsets(commits=max(numbers, default=0))
            offsets.save(self._folder, known)  # before any part: parts without offsets mean that the offsets were lost
        parquet.remove_after(self._hours, known.commits)
        self._step("swept")
        return known

    def _new_writer(self) -> parquet.Writer:
        return parquet.Writer(self._hours, self._offsets.commits + 1, self._report, judged_until=self._judged_until)

    def _look(self, paths: Sequence[Path]) -> list[Path]:
        """Returns the files that were not read yet."""
        files_of_events, unreadable = sources.find(paths)
        self._report.unreadable |= unreadable
        fresh = []
        for path in files_of_events:
            try:
                about = path.stat()
            except OSError:  # renamed since: the next listing finds it
                continue
            if (about.st_dev, about.st_ino) not in self._seen:
                fresh.append(path)
                self._total += about.st_size
        return fresh

    def _ingest_file(self, path: Path) -> None:
        self._step("file")
        try:
            file = path.open("rb", buffering=2**20)
        except FileNotFoundError:  # renamed since: the next listing finds it
            return
        except OSError as error:
            self._report.unreadable[str(path)] = sources.why(error)
            return
        with file:
            about = os.fstat(file.fileno())
            self._seen.add((about.st_dev, about.st_ino))
            self._report.files += 1
            try:
                position = self._offsets.position(file, about.st_size)
            except OSError as error:
                self._report.unreadable[str(path)] = sources.why(error)
                return
            if position is None:
                self._report.waiting += about.st_size
                return
            self._present.add(position.key)
            self._report.restarted += position.restarted
            self._done += position.offset
            end = self._ingest_lines(self._lines(file, position.offset, path), position.offset, position.key)
            self._report.waiting += max(0, os.fstat(file.fileno()).st_size - end)

    def _ingest_bucket(self, bucket: Bucket) -> set[str]:
        """Ingests the objects that were not read yet, and returns the keys of all. Raises EventsUnreachable."""
        objects, damaged = bucket.objects(), 0
        new = [each for each in objects if each.key not in self._offsets.objects]
        self._total += sum(each.size for each in new)
        for each in new:
            self._step("file")
            try:
                self._ingest_object(bucket, each)
            except ObjectUnreadable as error:
                self._report.unreadable[each.path] = str(error)
                damaged += 1
        if damaged:
            bucket.objects()  # raises if it is the store that can't be reached
        return {each.key for each in objects}

    def _ingest_object(self, bucket: Bucket, event_object: EventObject) -> None:
        """Ingests an object once all of it has arrived. Raises ObjectUnreadable."""
        with tempfile.TemporaryFile(dir=self._folder) as copy:
            copy.writelines(bucket.read(event_object))
            self._report.files += 1
            self._ingest_lines(sources.whole_lines(copy, 0), 0, None)
        self._offsets.objects.add(event_object.key)
        self._uncommitted += 1  # its last line may have led to a commit, which does not have its key yet

    def _lines(self, file: BinaryIO, offset: int, path: Path) -> Iterator[EventLine]:
        """Yields the new lines up to where the file can't be read; errors while storing them are not caught here."""
        try:
            yield from sources.whole_lines(file, offset)
        except OSError as error:
            self._report.unreadable[str(path)] = sources.why(error)

    def _ingest_lines(self, lines: Iterator[EventLine], end: int, key: str | None) -> int:
        """Ingests the lines that begin at the offset ``end``, and returns the offset after them.

        ``key`` is that of a file whose offset is kept.
        """
        for line in lines:
            written = self._ingest_line(line)
            length, end = line.end - end, line.end
            self._report.bytes += length
            self._uncommitted += length
            self._done += length
            if key is not None:
                self._offsets.sources[key] = SourceOffset(end, line.tail, self._offsets.commits + 1)
            if self._uncommitted >= self._commit_bytes:
                self._commit()
            if written and self._on_progress:
                self._on_progress(self._done, self._total)
        return end

    def _ingest_line(self, line: EventLine) -> bool:
        """Ingests the line, and returns whether rows were written."""
        if line.content is None:
            self._report.lines += 1
            self._report.oversized += 1
        elif not line.content.isspace():
            self._report.lines += 1
            if self._writer.add(self._decoder.rows(line.content)):
                self._step("written")
                return True
        return False

    def _commit(self) -> None:
        if not self._uncommitted:
            return
        self._writer.close()
        machine.write(self._folder, self._offsets.commits + 1, self._decoder.take_machine_rows())
        self._step("parts")
        self._offsets.commits += 1
        offsets.save(self._folder, self._offsets)
        self._step("committed")
        self._writer, self._uncommitted = self._new_writer(), 0
