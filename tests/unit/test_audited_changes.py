"""A change is written before it is made, and so is its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from otel.contract.values import AuditEvent
from server.access.audit_changes import ChangeResult
from server.access.audit_entry import AuditEntry
from server.access.clients import Clients
from server.errors import AuditUnavailable, EngineFailed, InvalidRequest, SpeechError
from server.middleware.audited_changes import RESULT, AuditedChanges
from server.middleware.envelope import REQUEST_ID

CHANGES = {
    ("PUT", "/voices/{id}"): AuditEvent.VOICE_REGISTERED,
    ("DELETE", "/voices/{id}"): AuditEvent.VOICE_DELETED,
}


class Journal:
    """An audit log that keeps its entries, and what had been made when each was written."""

    def __init__(self) -> None:
        self.entries: list[AuditEntry] = []
        self.made: list[str] = []
        self.refuses = False

    async def commit(self, entry: AuditEntry) -> None:
        if self.refuses:
            raise AuditUnavailable("no room")
        assert self.made == []
        self.entries.append(entry)

    def record(self, entry: AuditEntry) -> None:
        self.entries.append(entry)

    def written(self) -> list[tuple[str, ...]]:
        return [
            tuple(str(getattr(entry, name)) for name in ("event", "outcome", "subject", "reason"))
            for entry in self.entries
        ]


async def request(journal: Journal, method: str, path: str, answer: Any) -> int:
    async def handler(request: web.Request) -> web.StreamResponse:
        journal.made.append(path)
        if isinstance(answer, BaseException):
            raise answer
        if isinstance(answer, ChangeResult):
            request[RESULT] = answer
        return web.Response(status=answer if isinstance(answer, int) else 200)

    @web.middleware
    async def gate(request: web.Request, handler: Any) -> web.StreamResponse:
        request[REQUEST_ID] = "r1"
        try:
            response: web.StreamResponse = await handler(request)
        except SpeechError as error:
            return web.Response(status=error.status)
        return response

    changes = AuditedChanges(journal, Clients(()), CHANGES)  # type: ignore[arg-type]
    application = web.Application(middlewares=[gate, changes])
    application.router.add_route("*", "/voices/{id}", handler)
    async with TestClient(TestServer(application)) as client, client.request(method, path) as response:
        return response.status


@pytest.mark.parametrize(("status", "event"), [(201, "voice_registered"), (200, "voice_replaced")])
async def test_what_was_there_before_makes_a_difference(status: int, event: str) -> None:
    journal = Journal()
    assert await request(journal, "PUT", "/voices/ann", status) == status
    assert journal.written() == [("voice_registered", "started", "ann", ""), (event, "ok", "ann", "")]
    assert {entry.request_id for entry in journal.entries} == {"r1"}


@pytest.mark.parametrize(
    ("answer", "outcome", "reason"),
    [
        (InvalidRequest("no"), "refused", "invalid_request"),
        (EngineFailed("no"), "failed", "engine_failed"),
        (ConnectionResetError(), "failed", "cancelled"),
        (asyncio.CancelledError(), "failed", "cancelled"),
        (ValueError(), "failed", "internal_error"),
    ],
)
async def test_a_change_that_fails_is_written_as_such(answer: Any, outcome: str, reason: str) -> None:
    journal = Journal()
    with suppress(aiohttp.ClientError):  # there is no answer
        await request(journal, "DELETE", "/voices/ann", answer)
    assert journal.written() == [("voice_deleted", "started", "ann", ""), ("voice_deleted", outcome, "ann", reason)]


async def test_a_change_that_can_not_be_written_is_not_made() -> None:
    journal = Journal()
    journal.refuses = True
    assert await request(journal, "DELETE", "/voices/ann", 204) == 503
    assert journal.made == []


async def test_what_changes_nothing_is_not_written() -> None:
    journal = Journal()
    assert await request(journal, "GET", "/voices/ann", 200) == 200
    assert journal.entries == []


async def test_a_name_that_can_be_no_name_is_left_out_and_a_handler_may_say_more() -> None:
    journal = Journal()
    result = ChangeResult("k1", {"name": "phone"})
    assert await request(journal, "DELETE", "/voices/a%20whole%20text", result) == 200
    assert journal.written() == [("voice_deleted", "started", "", ""), ("voice_deleted", "ok", "k1", "")]
    assert journal.entries[1].details == {"name": "phone"}
