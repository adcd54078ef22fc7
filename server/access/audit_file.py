"""The files of the audit log: appends entries to a chain that goes on through rotation, crashes and other processes."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from otel.contract.values import AuditEvent, AuditOutcome
from otel.support.appended_file import BLOCK, MODE, AppendedFile, sync_folder
from server.access.audit_chain import HEAD_BYTES, ORIGIN, Chain, ChainError, ChainLine, Link, digest
from server.access.audit_entry import AuditEntry, DetailValue
from server.logs import LOGGER

AUDIT_FOLDER = "audit"
"""The folder of the audit log, inside the data folder."""
CURRENT = "audit.jsonl"
ROTATED = "audit-*.jsonl"
HEAD = "head.json"
"""The file of the last link; it is also the lock of those who write."""
LOCK_SECONDS = 5.0
"""How long a writer waits for another one, which needs milliseconds."""
LOCK_PAUSE = 0.01

log = logging.getLogger(f"{LOGGER}.audit")


class AuditFile:
    """Appends entries to the audit log in ``folder``. Several processes may, and one thread of each at a time.

    The next line hangs on the last one that is known: by the head, by this process or by the file. So what somebody
    removes or changes leaves a gap that stays visible.
    """

    def __init__(self, folder: Path, chain: Chain, max_bytes: int, files: int) -> None:
        """Opens nothing yet. A file has about ``max_bytes``, and ``files`` are kept, the current one included."""
        self._folder = folder
        self._chain = chain
        self._max_bytes = max_bytes
        self._files = files
        self._file = AppendedFile(folder / CURRENT)
        self._link = ORIGIN
        """The last line that this process knows of."""

    def append(self, entries: Sequence[AuditEntry]) -> None:
        """Writes ``entries`` and waits until they are on the disk. Raises OSError: then none of them is written."""
        with self._locked_head() as head:
            self._file.open()
            link, damage = self._resume(head)
            if damage is not None:
                log.error("the audit log was changed", extra={"reason": damage.reason})
                entries = (damage, *entries)
            content, last = self._lines(link, entries)
            if self._file.size and self._file.size + len(content) > self._max_bytes:
                link = self._rotate(head, link)
                content, last = self._lines(link, entries)
            try:
                self._file.write(content)
            except OSError as error:
                if error.errno != errno.EFBIG or not self._file.size:
                    raise
                link = self._rotate(head, link)  # the process's limit on file size is below ours
                content, last = self._lines(link, entries)
                self._file.write(content)
            self._set_head(head, last)

    def close(self) -> None:
        """Closes the file; a later ``append`` opens it again."""
        self._file.close()

    @property
    def head(self) -> Link:
        """The last line that this process knows of."""
        return self._link

    def _lines(self, link: Link, entries: Sequence[AuditEntry]) -> tuple[bytes, Link]:
        """Returns the lines of ``entries``, which hang on ``link``, and the last one's link."""
        content = bytearray()
        for entry in entries:
            line, link = self._chain.forge(link, entry.fields())
            content += line + b"\n"
        return bytes(content), link

    @contextmanager
    def _locked_head(self) -> Iterator[int]:
        """Holds the head's descriptor and its lock. Raises OSError, TimeoutError if another process keeps the lock."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path, deadline = self._folder / HEAD, time.monotonic() + LOCK_SECONDS
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
            try:
                if _lock(descriptor) and _is_at(descriptor, path):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
            if time.monotonic() > deadline:
                raise TimeoutError(errno.ETIMEDOUT, "another process keeps the audit log locked")
            time.sleep(LOCK_PAUSE)

    def _resume(self, head: int) -> tuple[Link, AuditEntry | None]:
        """Returns the link to go on from, and an entry about damage, if the log is not as it was left."""
        tail = self._tail()
        content = os.pread(head, HEAD_BYTES + 1, 0)
        if not content and tail is None and self._link == ORIGIN:
            self._set_head(head, ORIGIN)  # before the first line, so that a missing head is always damage
            return ORIGIN, None
        reason, known = "", self._link
        try:
            link, authentic = self._chain.read_head(content)
        except ChainError:
            reason = "the head is missing or damaged"
        else:
            known = max(known, link, key=lambda each: each.sequence)
            reason = "the head has a wrong MAC" if authentic is False else ""
        if tail is not None and tail.link.sequence > known.sequence and self._chain.accepts(tail.authentic):
            known = tail.link  # a crash came between the lines and the head
        elif (tail.link if tail is not None else ORIGIN) != known:
            reason = reason or "the last line is missing or was changed"
        if not reason:
            return known, None
        found = tail.link.sequence if tail is not None else 0
        return known, AuditEntry(
            event=AuditEvent.LOG_DAMAGED,
            outcome=AuditOutcome.FAILED,
            reason=reason,
            details={"expected": known.sequence, "found": found},
        )

    def _tail(self) -> ChainLine | None:
        """Returns the last line that can be read, of the newest file that has one; None if there is none."""
        for path in reversed(audit_files(self._folder)):
            line = last_line(path)
            if line is not None:
                with suppress(ChainError):
                    return self._chain.read(line)
                return None
        return None

    def _rotate(self, head: int, link: Link) -> Link:
        """Begins a new file, and deletes the oldest above the limit; an entry of the new file says which.

        The entry is written first: a crash leaves files that may be deleted, never a gap without an entry.
        """
        current = self._folder / CURRENT
        first = self._sequence(first_line(current))
        self._file.close()
        current.replace(self._folder / f"audit-{first if first is not None else link.sequence:012d}.jsonl")
        sync_folder(self._folder)
        self._file.open()
        files = audit_files(self._folder)
        excess = files[: max(0, len(files) - self._files)]
        if not excess:
            return link
        tail = last_line(excess[-1]) or b""
        details: dict[str, DetailValue] = {
            "files": len(excess),
            "last": self._sequence(tail) or 0,
            "digest": digest(tail),
        }
        entry = AuditEntry(event=AuditEvent.FILES_DELETED, outcome=AuditOutcome.OK, details=details)
        content, link = self._lines(link, [entry])
        self._file.write(content)
        self._set_head(head, link)
        for path in excess:
            with suppress(OSError):  # the next rotation tries again
                path.unlink()
        return link

    def _sequence(self, line: bytes | None) -> int | None:
        with suppress(ChainError):
            return self._chain.read(line or b"").link.sequence
        return None

    def _set_head(self, head: int, link: Link) -> None:
        self._link = link
        os.pwrite(head, self._chain.write_head(link), 0)
        os.ftruncate(head, HEAD_BYTES)
        os.fsync(head)


def audit_files(folder: Path) -> list[Path]:
    """Returns the files of lines in ``folder``, oldest first."""
    current = folder / CURRENT
    return [*sorted(folder.glob(ROTATED)), *([current] if current.exists() else [])]


def first_line(path: Path) -> bytes | None:
    """Returns the first line of a file without its newline; None if it has none. Raises OSError."""
    with path.open("rb") as file:
        line = file.readline()
    return line[:-1] if line.endswith(b"\n") else None


def last_line(path: Path) -> bytes | None:
    """Returns the last whole line of a file without its newline; None if it has none. Raises OSError."""
    tail = b""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(0, end - BLOCK)
            file.seek(start)
            tail, end = file.read(end - start) + tail, start
            whole, newline, _ = tail.rpartition(b"\n")
            if newline and (b"\n" in whole or not start):
                return whole.rpartition(b"\n")[2]
    return None


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the open file is still the one at ``path``."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False
