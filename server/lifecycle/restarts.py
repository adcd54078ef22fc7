"""How often the server was started again after a crash: kept in a file, since the process that crashes can't say it."""

from __future__ import annotations

import logging
from pathlib import Path

from server.logs import LOGGER

FILE = "restarts"

log = logging.getLogger(f"{LOGGER}.restarts")


class Restarts:
    """The file is there while a server runs, and an orderly stop takes it away: one that is found is of a crash.

    A crash is any end without a stop: a signal, a lost engine, the watchdog, a loss of power.
    """

    def __init__(self, folder: Path) -> None:
        self.count = 0
        """Crashes since the last orderly stop."""
        self._file = folder / FILE
        self._begun = False

    def begin(self) -> None:
        """The server runs. A file that can't be read or written is logged, and counts nothing."""
        self._begun = True
        try:
            if self._file.exists():
                self.count = _number(self._file.read_text(errors="replace")) + 1
                log.warning("the server before this one has crashed", extra={"restarts": self.count})
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(f"{self.count}\n")
        except OSError as error:
            log.warning("restarts are not counted", extra={"reason": error.strerror})

    def end(self) -> None:
        """The server stops in order. One that never ran leaves the file alone: it may be another server's."""
        if not self._begun:
            return
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the next start will count as a restart", extra={"reason": error.strerror})


def _number(text: str) -> int:
    """0 for what is damaged."""
    return int(text) if text.strip().isascii() and text.strip().isdigit() else 0
