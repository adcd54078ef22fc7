"""The log of a program: its size is bounded, and the log of the previous run is kept."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LARGEST = 10 * 1024**2
"""The largest size of NAME.log in bytes; NAME.log.1 has the same limit."""
TAIL_BYTES = 2000


class LogFile:
    """The log file, which the program writes itself: a pipe through the supervisor would stop the program with it.

    A file that is too large is copied and truncated, as logrotate's copytruncate does it. What the program writes in
    the milliseconds between the two is lost.
    """

    def __init__(self, path: Path) -> None:
        """Renames an existing log to NAME.log.1 and starts an empty one."""
        self.path = path
        self._previous = path.with_suffix(".log.1")
        if path.exists():
            path.replace(self._previous)
        path.touch()

    def open(self) -> BinaryIO:
        """Opens the log for a run of the program. It appends, so that a truncated file has no gap."""
        return self.path.open("ab")

    def limit(self, largest: int = LARGEST) -> None:
        """Moves the content to NAME.log.1 when it exceeds ``largest`` bytes; on a full disk the content is dropped."""
        with suppress(FileNotFoundError):  # the file was deleted: the program still writes to it
            if self.path.stat().st_size > largest:
                try:
                    shutil.copyfile(self.path, self._previous)
                except OSError:
                    self._previous.unlink(missing_ok=True)
                with self.path.open("r+b") as file:
                    file.truncate()

    def tail(self) -> str:
        """Returns the last TAIL_BYTES of the log."""
        return self.path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
