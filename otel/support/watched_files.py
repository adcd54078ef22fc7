"""Tells whether files may have changed since they were last read."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

SETTLED_SECONDS = 2.0
"""A file that was changed so recently counts as changed: two changes in one tick of the clock have the same time."""
Version = tuple[int, int, int]
"""A file's inode, time of change in ns, and size; links are followed, so that a link that is replaced counts."""


class WatchedFiles:
    """The versions of a few files. Call ``mark`` before the files are read."""

    def __init__(self, paths: Sequence[Path], clock: Callable[[], float] = time.time) -> None:
        self._paths = paths
        self._clock = clock
        self._versions: list[Version | None] | None = None
        self._settled = False

    def mark(self) -> None:
        """Remembers the versions of now."""
        self._versions = self._look()
        newest = max((version[1] for version in self._versions if version), default=0)
        self._settled = newest / 1e9 + SETTLED_SECONDS < self._clock()

    def changed(self) -> bool:
        """Returns whether a file differs from its version at ``mark``, or was changed just before it."""
        return not self._settled or self._look() != self._versions

    def _look(self) -> list[Version | None]:
        return [file_version(path) for path in self._paths]


def file_version(path: Path) -> Version | None:
    """Returns the version of a file; None if there is none, or it can't be looked at."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
