"""Appends lines to a file and rotates it, without ever leaving half a line before another one."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path

from otel.support.appended_file import AppendedFile, sync_folder


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
        self._file = AppendedFile(path)

    def append(self, line: bytes) -> None:
        """Writes ``line`` and a newline. Raises OSError, which leaves the file unchanged."""
        content = line + b"\n"
        self.open()
        if self._file.size and self._file.size + len(content) > self._max_bytes:
            self._rotate()
        try:
            self._file.write(content)
        except OSError as error:
            if error.errno != errno.EFBIG or not self._file.size:
                raise
            self._rotate()  # the process's limit on file size is below ours
            self._file.write(content)

    def open(self) -> None:
        """Opens the file if it isn't open, or is no longer the one at its path. Raises OSError."""
        self._file.open()

    def close(self) -> None:
        """Closes the file; a later ``append`` opens it again."""
        self._file.close()

    def _rotate(self) -> None:
        self.close()
        for number in range(self._files - 1, 0, -1):
            older = self._numbered(number)
            with suppress(FileNotFoundError):
                self._numbered(number - 1).replace(older)
        if self._files == 1:
            self._path.unlink(missing_ok=True)
        sync_folder(self._path.parent)
        self.open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
