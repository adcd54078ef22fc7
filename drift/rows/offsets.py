"""The offsets up to which each file of events was read, and how many commits of rows count; kept as ledger.json.

The file is replaced as a whole, after the parts that it makes count are on the disk: a crash before leaves the old
file, for which the new parts do not exist.
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
"""The most files that are remembered; of more, gone ones are forgotten, the oldest first. The Collector keeps 100."""


class SourceOffset(msgspec.Struct):
    """How far a file of events was read."""

    offset: int
    """The number of bytes that were read, up to the end of a whole line."""
    tail: Tail
    commit: int
    """The number of the commit that read the file last."""


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """The position in a file from which to read on."""

    key: str
    offset: int
    restarted: bool
    """Whether a file with this first line was read before that went on differently."""


class Offsets(msgspec.Struct):
    """How far each file was read, and how many commits count."""

    format: int = FORMAT
    commits: int = 0
    """The last commit that counts; a crash left behind the parts of later ones."""
    sources: dict[str, SourceOffset] = {}

    def position(self, file: BinaryIO, size: int) -> ReadPosition | None:
        """Returns where the file's new lines begin; None while its first line is not whole. Raises OSError.

        Files may begin alike and go on differently, and a file may be replaced: an offset holds only if what is before
        it is what was read. If in doubt a file is read from its beginning: a copy of a row is left out by its id.
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
        """Forgets files that are gone when there are too many; ``present`` holds the keys of those that are not."""
        gone = sorted((source.commit, key) for key, source in self.sources.items() if key not in present)
        for _, key in gone[: max(0, len(self.sources) - MOST_SOURCES)]:
            del self.sources[key]


def load(folder: Path) -> Offsets | None:
    """Returns the offsets of a folder; None if there are none that can be read.

    Raises RowsIncompatible if it was written by a later version, and OSError.
    """
    try:
        offsets = msgspec.json.decode((folder / NAME).read_bytes(), type=Offsets)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if offsets.format > FORMAT:
        raise RowsIncompatible(f"{folder / NAME} has format {offsets.format}; this version reads up to {FORMAT}")
    return offsets


def set_aside(folder: Path) -> None:
    """Keeps a damaged file of offsets under another name. Raises OSError."""
    if (folder / NAME).exists():
        (folder / NAME).replace(folder / DAMAGED)


def save(folder: Path, offsets: Offsets) -> None:
    """Replaces the stored offsets. Raises OSError, and then the old ones are still there."""
    files.write(folder / NAME, msgspec.json.encode(offsets).decode())
