"""Sums up refusals that repeat, so that a flood of them does not rotate other entries of the audit log away."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from otel.contract.values import AuditEvent
from server.access.audit_entry import AuditEntry

REPEATING = frozenset({AuditEvent.AUTHENTICATION_FAILED, AuditEvent.SCOPE_REFUSED, AuditEvent.RATE_LIMITED})
"""The events that a stranger can cause at will."""
WINDOW_SECONDS = 60.0
MOST_KINDS = 64
"""The kinds of refusals that are told apart within a window: all others are one more kind of their event."""
Kind = tuple[AuditEvent, str, str, str]
"""An event, its reason, the key and the client."""


class RepeatedRefusals:
    """Lets the first refusal of each kind pass, and counts its repetitions for the next 60 seconds.

    Two entries a minute for each of at most 64 kinds, and three more: 84 MB a day at worst.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: dict[Kind, tuple[float, AuditEntry | None]] = {}
        """The end of each kind's window, and the entry that sums up its repetitions; None before the first."""

    def offer(self, entry: AuditEntry) -> AuditEntry | None:
        """Returns the entry if it is to be written now; otherwise it is counted."""
        if entry.event not in REPEATING:
            return entry
        kind = (entry.event, entry.reason, entry.caller.key_id if entry.caller else "", entry.client)
        if kind not in self._windows and len(self._windows) >= MOST_KINDS:
            kind = (entry.event, "", "", "")
            entry = replace(entry, reason="", caller=None, client="", subject="", request_id="")
        if kind not in self._windows:
            self._windows[kind] = self._clock() + WINDOW_SECONDS, None
            return entry
        end, counted = self._windows[kind]
        count = entry.count + (counted.count if counted is not None else 0)
        self._windows[kind] = end, replace(entry, count=count, request_id="")
        return None

    def due(self, *, all: bool = False) -> list[AuditEntry]:  # noqa: A002 - all of them
        """Returns the sums of the windows that have ended, or of ``all``, and forgets these windows."""
        now = self._clock()
        ended = [kind for kind, (end, _) in self._windows.items() if all or end <= now]
        sums = [self._windows.pop(kind)[1] for kind in ended]
        return [entry for entry in sums if entry is not None]
