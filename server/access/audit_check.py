"""Verifies the audit log: whether an entry was changed, removed, inserted or cut off since it was written."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from otel.contract.values import AuditEvent
from server.access.audit_chain import HEAD_BYTES, ORIGIN, Chain, ChainError, ChainLine, Link, digest
from server.access.audit_file import HEAD, audit_files

NO_HEAD = "the head is missing or damaged, so entries may be missing at the end"


@dataclass(slots=True)
class AuditReport:
    """What was found. ``problems`` are in the order of the log, and the first names the first broken line."""

    entries: int = 0
    files: int = 0
    last: Link = ORIGIN
    """The last entry."""
    problems: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    """What is in order, and worth knowing."""


def verify(folder: Path, chain: Chain, *, keyed_from: int = 1, anchor: Link | None = None) -> AuditReport:
    """Reads the whole log in ``folder`` and returns what is wrong with it. Servers may write meanwhile.

    With a secret in ``chain``, entries from the number ``keyed_from`` on must have a MAC. ``anchor`` is an entry that
    was noted elsewhere. Raises OSError.
    """
    with ExitStack() as stack:
        head, files = _open(folder, stack)
        return _Verifier(chain, keyed_from, anchor).verify(head, files)


def _open(folder: Path, stack: ExitStack) -> tuple[bytes, list[tuple[str, BinaryIO, int]]]:
    """Returns the head, and the files with their names and lengths as they are together at one moment."""
    try:
        lock = stack.enter_context((folder / HEAD).open("rb"))
    except FileNotFoundError:
        content = b""
    else:
        fcntl.flock(lock, fcntl.LOCK_SH)
        content = lock.read(HEAD_BYTES + 1)
    files: list[tuple[str, BinaryIO, int]] = []
    for path in audit_files(folder):
        file = stack.enter_context(path.open("rb"))
        files.append((path.name, file, file.seek(0, 2)))
        file.seek(0)
    if content:
        fcntl.flock(lock, fcntl.LOCK_UN)
    return content, files


class _Verifier:
    def __init__(self, chain: Chain, keyed_from: int, anchor: Link | None) -> None:
        self._chain = chain
        self._keyed_from = keyed_from
        self._report = AuditReport()
        self._noted: dict[int, str] = {}
        """The digests of the entries that the head and the anchor name, as they are in the files."""
        self._anchor = anchor
        self._first: ChainLine | None = None
        self._deleted: list[Link] = []
        self._unkeyed: list[int] = []
        self._has_macs = False

    def verify(self, head: bytes, files: list[tuple[str, BinaryIO, int]]) -> AuditReport:
        report = self._report
        report.files = len(files)
        head_link, head_problem = self._read_head(head, empty=not files)
        wanted = {link.sequence for link in (head_link, self._anchor) if link is not None}
        last = ORIGIN
        for place, raw in _lines(files, report):
            report.entries += 1
            try:
                line = self._chain.read(raw)
            except ChainError as error:
                report.problems.append(f"{place}: {error}: the line was changed")
                last = Link(last.sequence + 1, digest(raw))
                continue
            if self._first is None:
                self._first = line
            else:
                self._check_link(place, last, line)
            self._check_entry(place, line)
            last = line.link
            if last.sequence in wanted:
                self._noted[last.sequence] = last.digest
        report.last = last
        self._check_start()
        report.problems += head_problem
        self._check_end(head_link, last)
        self._remark()
        return report

    def _read_head(self, head: bytes, *, empty: bool) -> tuple[Link | None, list[str]]:
        if not head and empty:
            return None, []
        try:
            link, authentic = self._chain.read_head(head)
        except ChainError:
            return None, [f"head.json: {NO_HEAD}"]
        if not self._chain.accepts(authentic):
            return link, ["head.json: it has no MAC by this secret, so entries may be missing at the end"]
        return link, []

    def _check_link(self, place: str, last: Link, line: ChainLine) -> None:
        sequence, expected = line.link.sequence, last.sequence + 1
        if sequence > expected:
            problem = f"entries {expected} to {sequence - 1} are missing before it"
        elif sequence < expected:
            problem = f"it has the number {sequence} after {last.sequence}: it was inserted, moved or copied"
        elif line.previous != last.digest:
            problem = f"entry {last.sequence} was changed, or its digest in entry {sequence} was"
        else:
            return
        self._report.problems.append(f"{place}: {problem}")

    def _check_entry(self, place: str, line: ChainLine) -> None:
        fields = line.fields
        self._has_macs |= "mac" in fields
        if line.authentic is False:
            self._report.problems.append(f"{place}: its MAC is wrong: entry {line.link.sequence} was changed or forged")
        elif self._chain.keyed and line.authentic is None and line.link.sequence >= self._keyed_from:
            self._unkeyed.append(line.link.sequence)
        match fields.get("event"):
            case AuditEvent.LOG_DAMAGED:
                self._report.problems.append(f"{place}: a program found the log damaged: {fields.get('reason')}")
            case AuditEvent.FILES_DELETED:
                self._deleted.append(Link(int(fields.get("last", 0)), str(fields.get("digest"))))
            case AuditEvent.ENTRIES_LOST:
                self._report.remarks.append(f"{place}: {fields.get('count', 1)} entries could not be written")

    def _check_start(self) -> None:
        """The log begins with entry 1, or right behind what an entry says was deleted."""
        if self._first is None:
            return
        before = Link(self._first.link.sequence - 1, self._first.previous)
        if before == ORIGIN:
            return
        if before in self._deleted:
            self._report.remarks.append(f"entries 1 to {before.sequence} were deleted, as the log says")
        else:
            self._report.problems.insert(
                0, f"entries up to {before.sequence} are missing at the start, and no entry says that they were deleted"
            )

    def _check_end(self, head: Link | None, last: Link) -> None:
        problems = self._report.problems
        if head is not None and head.sequence > last.sequence:
            problems.append(f"entries {last.sequence + 1} to {head.sequence} are missing at the end")
        elif head is not None and head != ORIGIN and self._noted.get(head.sequence) != head.digest:
            problems.append(f"entry {head.sequence} is not the one that the head names: it or the head was changed")
        elif head is not None and head.sequence < last.sequence:
            self._report.remarks.append(f"the head is at {head.sequence}: a program ended before it could go on")
        if self._anchor is not None and self._noted.get(self._anchor.sequence) != self._anchor.digest:
            problems.append(f"entry {self._anchor.sequence} is not the one that was noted")
        if self._unkeyed:
            problems.append(
                f"{len(self._unkeyed)} entries have no MAC, the first is {self._unkeyed[0]} and the last is "
                f"{self._unkeyed[-1]}: they were written without the secret, or forged"
            )

    def _remark(self) -> None:
        if self._has_macs and not self._chain.keyed:
            self._report.remarks.append("the entries have MACs, which only TTSCOPE_AUDIT_SECRET can check")
        elif not self._chain.keyed:
            self._report.remarks.append("without a secret, whoever can write the files can also rewrite the chain")


def _lines(files: list[tuple[str, BinaryIO, int]], report: AuditReport) -> Iterator[tuple[str, bytes]]:
    """Returns each whole line without its newline, and where it is."""
    for position, (name, file, length) in enumerate(files, start=1):
        number = 0
        while file.tell() < length:
            number += 1
            line = file.readline(length - file.tell())
            if line.endswith(b"\n"):
                yield f"{name}:{number}", line[:-1]
            elif position < len(files):
                report.problems.append(f"{name}:{number}: the line is cut off")
            else:
                report.remarks.append(f"{name}:{number}: half a line of a program that ended while it wrote")
