"""Writes changes that requests make to the audit log, before they are made."""

from __future__ import annotations

import re
import time
from asyncio import CancelledError
from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from otel.contract.values import AuditEvent, AuditOutcome
from server.access.audit_changes import ChangeResult
from server.access.audit_entry import AuditEntry
from server.access.audit_log import AuditLog
from server.access.caller import caller_of
from server.access.clients import Clients
from server.errors import SpeechError
from server.middleware.envelope import REQUEST_ID
from server.middleware.matched_route import route_path

RESULT = web.RequestKey("result", ChangeResult)
"""What a handler has changed, if the path does not say it: set by the handler."""
REPLACEMENTS = {AuditEvent.VOICE_REGISTERED: AuditEvent.VOICE_REPLACED}
"""What the response 200 makes of an event that is 201."""
CREATED = 201
NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AuditedChanges:
    """A middleware behind the checks: a change begins when its start is on the disk, and its end is written too."""

    __middleware_version__ = 1

    def __init__(self, audit: AuditLog, clients: Clients, changes: Mapping[tuple[str, str], AuditEvent]) -> None:
        """``changes`` are the events of the routes that change something, by method and path."""
        self._audit = audit
        self._clients = clients
        self._changes = changes
        self._methods = frozenset(method for method, _ in changes)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method not in self._methods:
            return await handler(request)
        event = self._changes.get((request.method, route_path(request)))
        if event is None:
            return await handler(request)
        entry = AuditEntry(
            event=event,
            outcome=AuditOutcome.STARTED,
            caller=caller_of(request),
            subject=_subject(request),
            request_id=request[REQUEST_ID],
            address=self._clients.address(request),
        )
        await self._audit.commit(entry)
        try:
            response = await handler(request)
        except SpeechError as error:
            outcome = AuditOutcome.REFUSED if error.refusal else AuditOutcome.FAILED
            self._end(request, entry, outcome, reason=error.error_type)
            raise
        except BaseException as error:
            reason = "cancelled" if isinstance(error, (ConnectionError, CancelledError)) else "internal_error"
            self._end(request, entry, AuditOutcome.FAILED, reason=reason)
            raise
        replaced = REPLACEMENTS.get(event, event)
        self._end(request, entry, AuditOutcome.OK, event=event if response.status == CREATED else replaced)
        return response

    def _end(
        self,
        request: web.Request,
        entry: AuditEntry,
        outcome: AuditOutcome,
        *,
        event: AuditEvent | None = None,
        reason: str = "",
    ) -> None:
        result = request.get(RESULT) or ChangeResult(entry.subject)
        end = replace(
            entry,
            event=event or entry.event,
            outcome=outcome,
            subject=result.subject,
            reason=reason,
            details=result.details,
            nanos=time.time_ns(),
        )
        self._audit.record(end)


def _subject(request: web.Request) -> str:
    """Returns the name in the path, if it can be that of a voice or a key."""
    name = request.match_info.get("id", "")
    return name if NAME.fullmatch(name) else ""
