"""The journal of requests in flight: after a crash it names the requests that were lost.

It is a file of slots that is mapped into memory, one slot for each request from its start to its end. To open or clear
a slot is a copy of a few bytes, without a system call. What was written survives the death of the process, however it
dies, since the pages belong to the kernel; it may not survive a power failure or a crash of the kernel.
"""

from __future__ import annotations

import mmap
import os
import struct
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from otel.contract.labels import METHOD, OTHER

FILE_NAME = "in_flight"
MAGIC = b"TTSJRNL1"
HEADER = struct.Struct("<8sQ16s")
"""MAGIC, requests in flight that found no free slot, and the identity of the machine's run."""
SLOT = struct.Struct("<BB6xQ16s16s24s")
"""Its state, the number of the HTTP method, when it began (ns since 1970), request id, trace id, endpoint. The state is
FREE, or 1 and a bit for each of HYPHEN_PLACES that has one in the request id as its client wrote it."""
UNNAMED = struct.Struct("<Q")
UNNAMED_OFFSET = len(MAGIC)
FREE, PLAIN = 0, 1
HYPHEN_PLACES = (8, 12, 16, 20)
"""Digits of a UUID before each hyphen."""
USUAL = PLAIN + 0b1111
MOST_UNNAMED = 100_000
"""Read from a journal: a damaged number must not keep the server from starting."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
METHODS = ("", *METHOD.values)


@dataclass(frozen=True, slots=True)
class LostRequest:
    """A request that was in flight when the server ended."""

    request_id: str
    """Empty for one that found no free slot."""
    trace_id: int
    endpoint: str
    method: str
    began_unix: int
    """Nanoseconds since 1970."""
    same_boot: bool
    """Whether the machine has run on since; if not, the journal may be out of date by some seconds."""

    @property
    def began(self) -> str:
        """When it began, as ISO 8601 in UTC."""
        return datetime.fromtimestamp(self.began_unix / 1e9, UTC).isoformat(timespec="milliseconds")


class Journal:
    """Of one server; used by its event loop's thread. A new journal keeps what its predecessor left until ``begin``."""

    def __init__(self, folder: Path, slots: int) -> None:
        """Reads what the last server left in ``folder``, and makes room for ``slots`` requests.

        Raises OSError when there is no room for the file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        self._boot = _boot_id()
        self.lost = _read(self._path, self._boot)
        """The requests that were in flight when the last server ended, in the order of their beginning."""
        self._map = _create(self._path.with_suffix(".new"), HEADER.size + slots * SLOT.size)
        self._map[: HEADER.size] = HEADER.pack(MAGIC, 0, self._boot)
        self._free = [HEADER.size + number * SLOT.size for number in reversed(range(slots))]
        self._unnamed = 0

    def begin(self) -> None:
        """Takes the place of the old journal, whose lost requests are accounted for."""
        self._path.with_suffix(".new").replace(self._path)
        self.lost = []

    def open(self, request_id: str, trace_id: int, endpoint: str, method: str, began_unix: int) -> int:
        """Writes down a request; returns what ``clear`` is to be given."""
        if not self._free:
            self._count_unnamed(1)
            return 0
        offset = self._free.pop()
        SLOT.pack_into(
            self._map,
            offset,
            FREE,
            METHODS.index(method) if method in METHODS else 0,
            began_unix,
            bytes.fromhex(request_id.replace("-", "")),
            trace_id.to_bytes(16, "big"),
            endpoint.encode(),
        )
        # The state comes last, so that a process that dies between the two has written nothing.
        self._map[offset] = USUAL if len(request_id) == 36 else _written(request_id)
        return offset

    def clear(self, slot: int) -> None:
        """The request has ended, and is accounted for."""
        if slot:
            self._map[slot] = FREE
            self._free.append(slot)
        else:
            self._count_unnamed(-1)

    def _count_unnamed(self, more: int) -> None:
        self._unnamed += more
        UNNAMED.pack_into(self._map, UNNAMED_OFFSET, self._unnamed)


def _create(path: Path, size: int) -> mmap.mmap:
    """A new file of zeros, whose blocks are there: to write to a page without one ends the process (SIGBUS)."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _read(path: Path, boot: bytes) -> list[LostRequest]:
    """What a journal holds; nothing if there is none, or it is no journal."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    if len(data) < HEADER.size or not data.startswith(MAGIC):
        return []
    _, unnamed, its_boot = HEADER.unpack_from(data)
    same = boot == its_boot
    whole = HEADER.size + (len(data) - HEADER.size) // SLOT.size * SLOT.size
    slots = SLOT.iter_unpack(data[HEADER.size : whole])
    lost = [_request(slot, same) for slot in slots if PLAIN <= slot[0] <= USUAL]
    lost.sort(key=lambda request: request.began_unix)
    nameless = LostRequest("", 0, "", OTHER, time.time_ns(), same)
    return lost + [nameless] * min(unnamed, MOST_UNNAMED)


def _written(request_id: str) -> int:
    """The state of a slot whose client wrote the id with some hyphens or none."""
    state, digits = PLAIN, 0
    for character in request_id:
        if character == "-":
            state += 1 << HYPHEN_PLACES.index(digits)
        else:
            digits += 1
    return state


def _request(slot: tuple[int, int, int, bytes, bytes, bytes], same_boot: bool) -> LostRequest:
    state, method, began, request_id, trace_id, endpoint = slot
    digits, hyphens = request_id.hex(), state - PLAIN
    for bit, place in reversed(list(enumerate(HYPHEN_PLACES))):
        if hyphens >> bit & 1:
            digits = f"{digits[:place]}-{digits[place:]}"
    return LostRequest(
        digits,
        int.from_bytes(trace_id, "big"),
        endpoint.rstrip(b"\0").decode("ascii", "replace"),
        METHODS[method] if 0 < method < len(METHODS) else OTHER,
        began,
        same_boot,
    )


def _boot_id() -> bytes:
    """Another one each time that the machine starts; zeros where there is none."""
    try:
        return bytes.fromhex(BOOT_ID.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)
