"""Counts how often the server was restarted after a crash, in a file: a process that crashes can't count itself."""

from __future__ import annotations

import logging
from pathlib import Path

from server.logs import LOGGER

FILE = "restarts"

log = logging.getLogger(f"{LOGGER}.restarts")


class RestartCounter:
    """Counts crashes. The file exists while a server runs, and an orderly stop removes it: a leftover means a crash.

    A crash is any end without a stop: a signal, a lost engine, the watchdog, a loss of power.
    """

    def __init__(self, folder: Path) -> None:
        self.count = 0
        """Crashes since the last orderly stop."""
        self._file = folder / FILE
        self._running = False

    def begin(self) -> None:
        """Notes that the server runs. A file that can't be read or written is logged and not counted."""
        self._running = True
        try:
            if self._file.exists():
                self.count = _number(self._file.read_text(errors="replace")) + 1
                log.warning("the server before this one has crashed", extra={"restarts": self.count})
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(f"{self.count}\n")
        except OSError as error:
            log.warning("restarts are not counted", extra={"reason": error.strerror})

    def end(self) -> None:
        """Notes an orderly stop. A server that never ran leaves the file, which may be another server's."""
        if not self._running:
            return
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the next start will count as a restart", extra={"reason": error.strerror})


def _number(text: str) -> int:
    """Returns the number in a text, 0 if it is damaged."""
    return int(text) if text.strip().isascii() and text.strip().isdigit() else 0
