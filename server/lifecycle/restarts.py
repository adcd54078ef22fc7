"""Counts the server's restarts after crashes, in a file, since a crashing process can't count its own crash."""

from __future__ import annotations

import logging
from pathlib import Path

from server.logs import LOGGER

FILE = "restarts"

log = logging.getLogger(f"{LOGGER}.restarts")


class RestartCounter:
    """Counts crashes. The file exists while a server runs; an orderly stop removes it, so a leftover means a crash.

    A crash is any end without an orderly stop: a signal, a lost engine, the watchdog, a power failure.
    """

    def __init__(self, folder: Path) -> None:
        self.count = 0
        """Crashes since the last orderly stop."""
        self._file = folder / FILE
        self._running = False

    def begin(self) -> None:
        """Records that the server is running. If the file can't be read or written, logs that and counts nothing."""
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
        """Records an orderly stop. A server that never ran keeps the file, which may belong to another server."""
        if not self._running:
            return
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the next start will count as a restart", extra={"reason": error.strerror})


def _number(text: str) -> int:
    """Returns the number in ``text``, or 0 if it is corrupt."""
    return int(text) if text.strip().isascii() and text.strip().isdigit() else 0
