"""Files of OTLP JSON lines: which there are, which of them is which whatever its name is now, and their whole lines."""

from __future__ import annotations

import hashlib
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LONGEST_LINE = 32 * 2**20
"""Bytes; a batch of 8,000 events has 19 MB. As lists of nothing but lists this much JSON is 0.8 GB of Python."""
HEAD_BYTES = 64 * 2**10
"""Of a file's first line, that tell it from other files: it has ids and nanoseconds in it."""
TAIL_BYTES = 4096
"""Of what was read last, by which a file is known to be still the same."""
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
    """A whole line; ``content`` is None if it is longer than can be read."""

    content: bytes | None
    end: int
    """Offset in the file."""
    tail: Tail


def find(paths: Sequence[Path]) -> tuple[list[Path], dict[str, str]]:
    """The files at ``paths`` and in folders there, in order of their time; and what is none, and why."""
    found: dict[tuple[float, str], Path] = {}
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
                found[about.st_mtime, str(file)] = file
            else:  # a pipe would be waited for, a device has no end
                unreadable[str(file)] = "not a file"
    return [found[key] for key in sorted(found)], unreadable


def why(error: OSError) -> str:
    """In the words of the system."""
    return error.strerror or type(error).__name__


def head(file: BinaryIO) -> str | None:
    """What tells this file from others, whatever its name; None until its first line is whole."""
    file.seek(0)
    first = file.readline(HEAD_BYTES)
    if not first.endswith(b"\n") and len(first) < HEAD_BYTES:
        return None
    return hashlib.sha256(first).hexdigest()[:32]


def ends_with(file: BinaryIO, offset: int, tail: Tail) -> bool:
    """Whether the bytes before ``offset`` are still those that were read."""
    file.seek(offset - tail.length)
    return Tail.of(file.read(tail.length)) == tail


def whole_lines(file: BinaryIO, offset: int) -> Iterator[EventLine]:
    """The lines from ``offset`` on that have an end. What is after the last of them is still being written."""
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
    """Passes over a line: its length and last bytes; None if it has no end yet."""
    length, last = len(begun), begun[-TAIL_BYTES:]
    while more := file.readline(SKIP_BYTES):
        length += len(more)
        last = (last + more)[-TAIL_BYTES:]
        if more.endswith(b"\n"):
            return length, last
    return None
