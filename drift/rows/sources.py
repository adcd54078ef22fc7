"""Finds files of OTLP JSON lines, recognises them after renames, and reads their complete lines."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LONGEST_LINE = 32 * 2**20
"""The maximum bytes of a line; a batch of 8,000 events has 19 MB. As nested lists, this much JSON is 0.8 GB in
Python."""
HEAD_BYTES = 64 * 2**10
"""The number of bytes of a file's first line that identify it: they contain ids and nanoseconds."""
TAIL_BYTES = 4096
"""The number of last bytes read, by which a file is recognised as unchanged."""
SKIP_BYTES = 2**20
NAMES = re.compile(r"\.jsonl(\.\d+)?$")
"""The Collector rotates to requests-TIME.jsonl, the server itself to requests.jsonl.1 and so on."""


@dataclass(frozen=True, slots=True)
class Tail:
    """The last bytes before an offset."""

    length: int
    digest: str

    @classmethod
    def of(cls, content: bytes) -> Tail:
        last = content[-TAIL_BYTES:]
        return cls(len(last), hashlib.sha256(last).hexdigest())


@dataclass(frozen=True, slots=True)
class EventLine:
    """A complete line; ``content`` is None if it is too long to be read."""

    content: bytes | None
    end: int
    """The offset in the file after the line."""
    tail: Tail


def find(paths: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
    """Returns the files at ``paths`` and in folders there, in order of time, and other paths with the reason."""
    files: dict[tuple[float, str], Path] = {}
    unreadable: dict[str, str] = {}
    for path in paths:
        try:
            inside = [each for each in path.iterdir() if NAMES.search(each.name)] if path.is_dir() else [path]
        except OSError as error:
            unreadable[str(path)] = why(error)
            continue
        for file in inside:
            try:
                about = file.stat()
            except OSError as error:
                unreadable[str(file)] = why(error)
                continue
            if stat.S_ISREG(about.st_mode):
                files[about.st_mtime, str(file)] = file
            else:  # a pipe would block, a device has no end
                unreadable[str(file)] = "not a file"
    return [files[key] for key in sorted(files)], unreadable


def why(error: OSError) -> str:
    """Returns the system's message for the error."""
    return error.strerror or type(error).__name__


def head(file: BinaryIO) -> str | None:
    """Returns the identity of this file, independent of its name; None until its first line is complete."""
    file.seek(0)
    first = file.readline(HEAD_BYTES)
    if not first.endswith(b"\n") and len(first) < HEAD_BYTES:
        return None
    return hashlib.sha256(first).hexdigest()[:32]


def ends_with(file: BinaryIO, offset: int, tail: Tail) -> bool:
    """Returns whether the bytes before ``offset`` are still those that were read."""
    file.seek(offset - tail.length)
    return Tail.of(file.read(tail.length)) == tail


def whole_lines(file: BinaryIO, offset: int) -> Iterator[EventLine]:
    """Yields the complete lines from ``offset`` on; what follows the last of them is still being written."""
    file.seek(offset)
    end = offset
    while True:
        content = file.readline(LONGEST_LINE)
        if content.endswith(b"\n"):
            end += len(content)
            yield EventLine(content, end, Tail.of(content))
        elif len(content) < LONGEST_LINE:
            return
        else:
            skipped = _skip(file, content)
            if skipped is None:
                return
            length, last = skipped
            end += length
            yield EventLine(None, end, Tail.of(last))


def _skip(file: BinaryIO, begun: bytes) -> tuple[int, bytes] | None:
    """Skips a line, and returns its length and last bytes; None if it is incomplete."""
    length, last = len(begun), begun[-TAIL_BYTES:]
    while more := file.readline(SKIP_BYTES):
        length += len(more)
        last = (last + more)[-TAIL_BYTES:]
        if more.endswith(b"\n"):
            return length, last
    return None
