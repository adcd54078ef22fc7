"""Appends lines to a file and rotates it, without ever leaving half a line before another one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

MODE = 0o600
BLOCK = 2**16


class RotatingFile:
    """Appends lines to ``path`` and rotates it to ``path``.1, .2 and so on.

    A line counts as written when it is on the disk (fsync). A line that can't be written leaves nothing behind, and a
    remainder of a crash after the last newline is cut off before the next line. One process writes, from one thread.
    """

    def __init__(self, path: Path, max_bytes: int, files: int) -> None:
        """Leaves opening the file to ``open`` or the first ``append``; ``files`` are kept, the current one included."""
        self._path = path
        self._max_bytes = max_bytes
        self._files = files
        self._descriptor: int | None = None
        self._size = 0

    def append(self, line: bytes) -> None:
        """Writes ``line`` and a newline. Raises OSError, which leaves the file unchanged."""
        content = line + b"\n"
        self.open()
        if self._size and self._size + len(content) > self._max_bytes:
            self._rotate()
        try:
            self._write(content)
        except OSError as error:
            if error.errno != errno.EFBIG or not self._size:
                raise
            self._rotate()  # the process's limit on file size is below ours
            self._write(content)

    def open(self) -> None:
        """Opens the file if it isn't open, or is no longer the one at its path. Raises OSError."""
        if self._descriptor is not None and not self._is_current(self._descriptor):
            self.close()  # another process has moved or removed it
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, MODE)
            try:
                self._size = _cut_torn_line(self._descriptor)
            except OSError:
                self.close()
                raise

    def close(self) -> None:
        """Closes the file; a later ``append`` opens it again."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def _is_current(self, descriptor: int) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False

    def _write(self, content: bytes) -> None:
        if self._descriptor is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        remaining = memoryview(content)
        try:
            while remaining:
                remaining = remaining[os.write(self._descriptor, remaining) :]
            os.fsync(self._descriptor)
        except OSError:
            try:
                os.ftruncate(self._descriptor, self._size)
            except OSError:
                self.close()  # the torn line is cut off when the file is reopened
            raise
        self._size += len(content)

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            older = self._numbered(number)
            with suppress(FileNotFoundError):
                self._numbered(number - 1).replace(older)
        if self._files == 1:
            self._path.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # the file names too are on the disk
        finally:
            os.close(folder)
        self.open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


def _cut_torn_line(descriptor: int) -> int:
    """Cuts off everything after the last newline. Returns the remaining size. Raises OSError."""
    size = end = os.fstat(descriptor).st_size
    while end > 0:
        start = max(0, end - BLOCK)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end < size:
        os.ftruncate(descriptor, end)
    return end
