"""The offsets up to which each event file was read, and how many commits of rows count; stored as ledger.json.

The file is replaced as a whole, after the parts that it adds are on the disk. A crash before that leaves the old file,
for which the new parts do not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from drift import files
from drift.errors import RowsIncompatible
from drift.rows import sources
from drift.rows.fields import FORMAT
from drift.rows.sources import Tail

NAME = "ledger.json"
DAMAGED = "ledger.damaged.json"
MOST_SOURCES = 4096
"""The maximum number of files that are remembered; beyond it, deleted ones are forgotten, the oldest first. The
Collector keeps 100."""


class SourceOffset(msgspec.Struct):
    """How far an event file was read."""

    offset: int
    """The number of bytes that were read, up to the end of a complete line."""
    tail: Tail
    commit: int
    """The number of the last commit that read the file."""


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """The position in a file from which to read on."""

    key: str
    offset: int
    restarted: bool
    """Whether a file with this first line but a different continuation was read before."""


class Offsets(msgspec.Struct):
    """How far each file was read, and how many commits count."""

    format: int = FORMAT
    commits: int = 0
    """The last commit that counts; a crash left behind the parts of later ones."""
    sources: dict[str, SourceOffset] = {}
    objects: set[str] = set()
    """The keys of objects in buckets that were read to their end."""

    def position(self, file: BinaryIO, size: int) -> ReadPosition | None:
        """Returns where the file's new lines begin; None while its first line is incomplete. Raises OSError.

        Files may begin alike and continue differently, and a file may be replaced, so an offset is valid only if the
        bytes before it are those that were read. If in doubt, a file is read from the start; copies of rows are dropped
        by their ids.
        """
        begins = sources.head(file)
        if begins is None:
            return None
        key, alike = begins, 0
        while known := self.sources.get(key):
            if known.offset <= size and sources.ends_with(file, known.offset, known.tail):
                return ReadPosition(key, known.offset, restarted=False)
            alike += 1
            key = f"{begins}-{alike}"
        return ReadPosition(key, 0, restarted=alike > 0)

    def forget(self, present: set[str]) -> None:
        """Forgets deleted files when there are too many; ``present`` holds the keys of existing ones."""
        gone = sorted((source.commit, key) for key, source in self.sources.items() if key not in present)
        for _, key in gone[: max(0, len(self.sources) - MOST_SOURCES)]:
            del self.sources[key]


def load(folder: Path) -> Offsets | None:
    """Returns the offsets of a folder; None if there are no readable ones.

    Raises RowsIncompatible if a later version wrote them, and OSError.
    """
    try:
        offsets = msgspec.json.decode((folder / NAME).read_bytes(), type=Offsets)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if offsets.format > FORMAT:
        raise RowsIncompatible(f"{folder / NAME} has format {offsets.format}; this version reads up to {FORMAT}")
    return offsets


def set_aside(folder: Path) -> None:
    """Renames a damaged file of offsets to keep it. Raises OSError."""
    if (folder / NAME).exists():
        (folder / NAME).replace(folder / DAMAGED)


def save(folder: Path, offsets: Offsets) -> None:
    """Replaces the stored offsets. Raises OSError, which leaves the old ones in place."""
    files.write(folder / NAME, msgspec.json.encode(offsets).decode())
