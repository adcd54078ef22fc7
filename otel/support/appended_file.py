"""Appends to a file: what is appended is on the disk as a whole, or not there at all."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

MODE = 0o600
BLOCK = 2**16


class AppendedFile:
    """A file of lines at ``path``, which is created with its folder.

    What can't be written leaves nothing behind, and a remainder of a crash after the last newline is cut off when the
    file is opened. One thread at a time uses it.
    """

    def __init__(self, path: Path) -> None:
        """Does not open the file: ``open`` does."""
        self._path = path
        self._descriptor: int | None = None
        self.size = 0
        """The bytes of the open file."""

    def open(self) -> None:
        """Opens the file if it isn't open, or is no longer the one at its path. Raises OSError."""
        if self._descriptor is not None and not self._is_current(self._descriptor):
            self.close()  # another process has moved or removed it
        if self._descriptor is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._descriptor = os.open(self._path, flags, MODE)
            try:
                self.size = cut_torn_line(self._descriptor)
            except OSError:
                self.close()
                raise

    def close(self) -> None:
        """Closes the file; ``open`` opens it again."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None

    def write(self, content: bytes) -> None:
        """Appends whole lines, and waits until they are on the disk. Raises OSError, also if the file isn't open."""
        if self._descriptor is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        remaining = memoryview(content)
        try:
            while remaining:
                remaining = remaining[os.write(self._descriptor, remaining) :]
            os.fsync(self._descriptor)
        except OSError:
            try:
                os.ftruncate(self._descriptor, self.size)
            except OSError:
                self.close()  # the torn line is cut off when the file is reopened
            raise
        self.size += len(content)

    def _is_current(self, descriptor: int) -> bool:
        with suppress(OSError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False


def sync_folder(folder: Path) -> None:
    """Waits until the names of the files in ``folder`` are on the disk. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def cut_torn_line(descriptor: int) -> int:
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
