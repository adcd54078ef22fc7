"""The log of a program: of bounded size, and the run before it is kept."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LARGEST = 10 * 1024**2
"""Bytes of NAME.log; NAME.log.1 has as many."""
TAIL_BYTES = 2000


class LogFile:
    """The program writes to the file itself. A pipe through the supervisor would stop the program with the supervisor.

    So a file that is too large is copied and cut, as logrotate's copytruncate does it; what the program writes between
    the two, some milliseconds, is lost.
    """

    def __init__(self, path: Path) -> None:
        """Keeps what is there as NAME.log.1, and begins anew."""
        self.path = path
        self._previous = path.with_suffix(".log.1")
        if path.exists():
            path.replace(self._previous)
        path.touch()

    def open(self) -> BinaryIO:
        """For a run of the program; what earlier runs wrote stays. Appends, so that a file that was cut has no gap."""
        return self.path.open("ab")

    def limit(self, largest: int = LARGEST) -> None:
        """Moves what is there to NAME.log.1 when it is more than ``largest`` bytes; on a full disk it is dropped."""
        with suppress(FileNotFoundError):  # somebody tidied up: the program goes on writing to a file without a name
            if self.path.stat().st_size > largest:
                try:
                    shutil.copyfile(self.path, self._previous)
                except OSError:
                    self._previous.unlink(missing_ok=True)
                with self.path.open("r+b") as file:
                    file.truncate()

    def tail(self) -> str:
        """What was written last."""
        return self.path.read_bytes()[-TAIL_BYTES:].decode(errors="replace")
