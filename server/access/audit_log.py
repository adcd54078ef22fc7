"""The audit log of the server: entries are written beside requests, those of changes before the change takes effect."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Literal

from otel.contract.values import AuditEvent, AuditOutcome, LossReason
from otel.sdk.event_losses import EventLosses, reason_of
from server.access.audit_entry import AuditEntry
from server.access.audit_file import CURRENT, AuditFile
from server.access.audit_repeats import RepeatedRefusals
from server.errors import AuditUnavailable
from server.logs import LOGGER

DELAY_SECONDS = 1.0
"""The longest time that an entry waits to be written, unless it is committed."""
BATCH = 512
ROOM = 8192
"""The most waiting entries, about 8 MB. When the queue is full, new entries are lost."""
COMMIT_SECONDS = 10.0
CLOSE_SECONDS = 10.0
CLIENT_CHARACTERS = 16

log = logging.getLogger(f"{LOGGER}.audit")


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """What the log has of a client's address: a keyed hash, the address itself or nothing.

    Without a ``secret`` the hash has a new key at every start: it tells clients apart until the server stops, and
    nobody can search it for an address afterwards.
    """

    form: Literal["hashed", "plain", "none"] = "hashed"
    secret: bytes = b""

    def describe(self) -> Callable[[str], str]:
        """Returns the function that turns an address into what is written."""
        if self.form == "plain":
            return str
        if self.form == "none":
            return lambda _: ""
        key = hmac.digest(self.secret, b"ttscope audit client", "sha256") if self.secret else secrets.token_bytes(32)
        return lambda address: hmac.digest(key, address.encode(), "sha256").hex()[:CLIENT_CHARACTERS]


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: AuditEntry
    written: Future[None] | None = None
    """Set when the entry is on the disk; None if nobody waits for it."""


class AuditLog:
    """Writes entries in a thread of its own, in the order in which they came."""

    def __init__(
        self,
        file: AuditFile,
        addresses: AddressPolicy,
        *,
        written: Callable[[AuditEvent, int], None],
        lost: Callable[[LossReason, int], None],
        required: bool = True,
    ) -> None:
        """``written`` and ``lost`` count entries. ``required``: an entry that can't be committed is an error."""
        self._file = file
        self._client = addresses.describe()
        self._written = written
        self._losses = EventLosses(CURRENT, lost)
        self._lost = 0
        """The entries lost since the last one that was written."""
        self._counting = threading.Lock()
        self._required = required
        self._repeats = RepeatedRefusals()
        self._waiting: deque[_Waiting] = deque()
        self._awake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="audit", daemon=True)
        self._thread.start()

    def record(self, entry: AuditEntry) -> None:
        """Takes an entry to be written soon, from any thread; never blocks."""
        if len(self._waiting) >= ROOM or self._closed:
            self._lose(LossReason.QUEUE_FULL, 1)
            return
        self._waiting.append(_Waiting(entry))
        if len(self._waiting) >= BATCH:
            self._awake.set()

    async def commit(self, entry: AuditEntry) -> None:
        """Returns when the entry is on the disk. Raises AuditUnavailable if it can't be, and the log is required."""
        written: Future[None] = Future()
        if self._closed:
            written.set_exception(OSError("the log is closed"))
        else:
            self._waiting.append(_Waiting(entry, written))
            self._awake.set()
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                await asyncio.wrap_future(written)
        except (OSError, TimeoutError):
            if self._required:
                raise AuditUnavailable(
                    "the change was not made, because it can't be written to the audit log; see the server's log"
                ) from None

    def close(self) -> None:
        """Writes what waits, and closes the file. It may wait for the disk."""
        self._closed = True
        self._awake.set()
        self._thread.join(CLOSE_SECONDS)
        self._file.close()

    def _work(self) -> None:
        while not self._closed:
            self._awake.wait(DELAY_SECONDS)
            self._awake.clear()
            self._drain()
        self._drain(last=True)

    def _drain(self, *, last: bool = False) -> None:
        """Writes all waiting entries, and the sums of repeated refusals that are due, or all if it is the ``last``."""
        while self._waiting:
            self._write([self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))])
        self._append(self._repeats.due(all=last))

    def _write(self, batch: Sequence[_Waiting]) -> None:
        named = [
            replace(entry, client=self._client(entry.address)) if entry.address else entry
            for entry in (each.entry for each in batch)
        ]
        error = self._append([entry for entry in map(self._repeats.offer, named) if entry is not None])
        for written in (each.written for each in batch):
            if written is None or not written.set_running_or_notify_cancel():
                continue
            if error is None:
                written.set_result(None)
            else:
                written.set_exception(error)

    def _append(self, entries: Sequence[AuditEntry]) -> OSError | None:
        """Writes entries. Returns the error that prevented it; then they are counted as lost."""
        if not entries:
            return None
        missing = self._lost
        if missing:
            entries = [AuditEntry(event=AuditEvent.ENTRIES_LOST, outcome=AuditOutcome.FAILED, count=missing), *entries]
        try:
            self._file.append(entries)
        except OSError as error:
            self._lose(reason_of(error), len(entries) - bool(missing))
            return error
        except Exception as error:  # a bug that one batch triggers must not end the thread
            log.exception("entries of the audit log can't be written")
            self._lose(LossReason.IO_ERROR, len(entries) - bool(missing))
            return OSError(str(error))
        with self._counting:
            self._lost -= missing
        self._losses.written()
        for entry in entries:
            self._written(entry.event, 1)
        return None

    def _lose(self, reason: LossReason, entries: int) -> None:
        with self._counting:
            self._lost += entries
        self._losses.add(reason, entries)
