"""An entry of the audit log: who did what, and how it ended. It never holds a text or a key."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from otel.contract.values import AuditEvent, AuditOutcome
from server.access.caller import Caller

DetailValue = str | int | tuple[str, ...]
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One event; ``fields`` are what is written of it."""

    event: AuditEvent
    outcome: AuditOutcome
    caller: Caller | None = None
    """Who did it; None for what no request did."""
    subject: str = ""
    """What it was done to: the identifier of a key, a voice, the name of a file, the path of a call."""
    reason: str = ""
    """Why it failed or was refused, as a name: an error type, or a result of authentication."""
    request_id: str = ""
    address: str = ""
    """The address that the request came from. It is not a field: the log writes ``client`` instead, unless the operator
    chose otherwise."""
    client: str = ""
    """What the log writes in place of the address."""
    program: str = "server"
    """The program that wrote the entry."""
    count: int = 1
    """How many equal events the entry stands for."""
    details: Mapping[str, DetailValue] = field(default_factory=dict)
    nanos: int = field(default_factory=time.time_ns)
    """When it happened, in Unix nanoseconds."""

    def fields(self) -> dict[str, object]:
        """Returns the entry as it is written, without the fields that are empty."""
        return dict(self._fields())

    def _fields(self) -> Iterator[tuple[str, object]]:
        moment = _EPOCH + timedelta(microseconds=self.nanos // 1000)
        yield "time", moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        yield "program", self.program
        yield "event", str(self.event)
        yield "outcome", str(self.outcome)
        named = {"subject": self.subject, "reason": self.reason, "client": self.client, "request_id": self.request_id}
        if self.caller is not None:
            who = {"key_id": self.caller.key_id, "key_name": self.caller.name, "tenant": self.caller.tenant}
            named = {**who, **named}
        yield from ((name, value) for name, value in named.items() if value)
        if self.count > 1:
            yield "count", self.count
        yield from self.details.items()
