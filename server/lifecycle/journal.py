"""The journal of requests in flight: after a crash, it lists the requests that were lost.

It is a memory-mapped file of slots; each request in flight occupies one. Opening or clearing a slot copies a few bytes
without a system call. The data survive a crash of the process, since the kernel owns the pages, but may not survive a
power failure or a kernel crash.
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
"""MAGIC, the number of requests in flight without a slot, and the boot id of the machine."""
SLOT = struct.Struct("<BB6xQ16s16s24s")
"""The state, the index of the HTTP method, the start time (ns since 1970), request id, trace id, endpoint. The state is
FREE, or 1 plus one bit for each of HYPHEN_PLACES where the client's request id has a hyphen."""
UNNAMED = struct.Struct("<Q")
UNNAMED_OFFSET = len(MAGIC)
FREE, PLAIN = 0, 1
HYPHEN_PLACES = (8, 12, 16, 20)
"""The number of a UUID's digits before each hyphen."""
USUAL = PLAIN + 0b1111
MOST_UNNAMED = 100_000
"""The maximum number of requests without a slot to read: a corrupt number must not prevent the server from starting."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
METHODS = ("", *METHOD.values)


@dataclass(frozen=True, slots=True)
class LostRequest:
    """A request that was in flight when the server ended."""

    request_id: str
    """Empty for a request without a slot."""
    trace_id: int
    endpoint: str
    method: str
    began_unix: int
    """Nanoseconds since 1970."""
    same_boot: bool
    """Whether the machine has not rebooted since. If it has, the journal may be out of date by some seconds."""

    @property
    def began(self) -> str:
        """The start time in UTC, in ISO 8601."""
        return datetime.fromtimestamp(self.began_unix / 1e9, UTC).isoformat(timespec="milliseconds")


class Journal:
    """The journal of one server, used only in its event loop's thread. The old file is kept until ``begin``."""

    def __init__(self, folder: Path, slots: int) -> None:
        """Reads the journal that the last server left in ``folder``, and creates one for ``slots`` requests.

        Raises OSError if there is no disk space for the file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / FILE_NAME
        self._boot = _boot_id()
        self.lost = _read(self._path, self._boot)
        """The requests that were in flight when the last server ended, by start time."""
        self._map = _create(self._path.with_suffix(".new"), HEADER.size + slots * SLOT.size)
        self._map[: HEADER.size] = HEADER.pack(MAGIC, 0, self._boot)
        self._free = [HEADER.size + number * SLOT.size for number in reversed(range(slots))]
        self._unnamed = 0

    def begin(self) -> None:
        """Replaces the old journal, once its lost requests are reported."""
        self._path.with_suffix(".new").replace(self._path)
        self.lost = []

    def open(self, request_id: str, trace_id: int, endpoint: str, method: str, began_unix: int) -> int:
        """Records a request; returns its slot for ``clear``."""
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
        # The state is written last: if the process dies before it, the slot still counts as free.
        self._map[offset] = USUAL if len(request_id) == 36 else _state_of(request_id)
        return offset

    def clear(self, slot: int) -> None:
        """Clears the slot of a request that has ended and was reported."""
        if slot:
            self._map[slot] = FREE
            self._free.append(slot)
        else:
            self._count_unnamed(-1)

    def _count_unnamed(self, more: int) -> None:
        self._unnamed += more
        UNNAMED.pack_into(self._map, UNNAMED_OFFSET, self._unnamed)


def _create(path: Path, size: int) -> mmap.mmap:
    """Returns a new zeroed file with all its blocks allocated: a write to a page without a block raises SIGBUS."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)


def _read(path: Path, boot: bytes) -> list[LostRequest]:
    """Returns the lost requests of a journal; none if the file is missing or not a journal."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    if len(data) < HEADER.size or not data.startswith(MAGIC):
        return []
    _, unnamed, boot_of_journal = HEADER.unpack_from(data)
    same = boot == boot_of_journal
    end = HEADER.size + (len(data) - HEADER.size) // SLOT.size * SLOT.size
    slots = SLOT.iter_unpack(data[HEADER.size : end])
    lost = [_request(slot, same) for slot in slots if PLAIN <= slot[0] <= USUAL]
    lost.sort(key=lambda request: request.began_unix)
    nameless = LostRequest("", 0, "", OTHER, time.time_ns(), same)
    return lost + [nameless] * min(unnamed, MOST_UNNAMED)


def _state_of(request_id: str) -> int:
    """Returns the slot state that encodes where ``request_id`` has hyphens."""
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
    """Returns the boot id, which changes with each boot of the machine; zeros if there is none."""
    try:
        return bytes.fromhex(BOOT_ID.read_text().strip().replace("-", ""))
    except (OSError, ValueError):
        return bytes(16)
