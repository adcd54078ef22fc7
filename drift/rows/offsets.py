"""The ledger: up to where each file of events was read, and how many commits of rows count.

It is replaced as a whole, after the parts that it makes count are on the disk: a crash before leaves the old ledger,
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
"""Files that are remembered; of more, gone ones are forgotten, the oldest first. The Collector keeps 100."""


class SourceOffset(msgspec.Struct):
    """A file of events, by what it is."""

    offset: int
    """Bytes that were read, to the end of a whole line."""
    tail: Tail
    commit: int
    """When it was read last."""


@dataclass(frozen=True, slots=True)
class ReadPosition:
    """Where to read on."""

    key: str
    offset: int
    restarted: bool
    """A file with this first line was read, but its rest was another."""


class Offsets(msgspec.Struct):
    """What was read, and what of it counts."""

    format: int = FORMAT
    commits: int = 0
    """Parts of later commits are what a crash left behind."""
    sources: dict[str, SourceOffset] = {}

    def place(self, file: BinaryIO, size: int) -> ReadPosition | None:
        """Where in the file that begins which is new; None while its first line is not whole. Raises OSError.

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
        """Bounds what is remembered."""
        gone = sorted((source.commit, key) for key, source in self.sources.items() if key not in present)
        for _, key in gone[: max(0, len(self.sources) - MOST_SOURCES)]:
            del self.sources[key]


def load(folder: Path) -> Offsets | None:
    """The ledger of a folder; None if there is none that can be read.

    Raises RowsIncompatible if it was written by a later version, and OSError.
    """
    try:
        ledger = msgspec.json.decode((folder / NAME).read_bytes(), type=Offsets)
    except (FileNotFoundError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if ledger.format > FORMAT:
        raise RowsIncompatible(f"{folder / NAME} has format {ledger.format}; this version reads up to {FORMAT}")
    return ledger


def set_aside(folder: Path) -> None:
    """Keeps a damaged ledger under another name. Raises OSError."""
    if (folder / NAME).exists():
        (folder / NAME).replace(folder / DAMAGED)


def save(folder: Path, ledger: Offsets) -> None:
    """Puts it in the place of the old one. Raises OSError, and then the old one is there."""
    files.write(folder / NAME, msgspec.json.encode(ledger).decode())
