"""/admin/keys on the management port: lists, creates, revokes and rotates API keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from otel.contract.values import AuditEvent
from server.access.api_key import IssuedKey
from server.access.audit_changes import key_result
from server.access.caller import Scope
from server.access.key_database import KeyDatabase
from server.access.key_entry import KeyDraft, describe
from server.access.key_record import DraftError, KeyRecord, KeyStoreError, UnknownKeyError
from server.access.keyring import Keyring
from server.errors import InternalError, InvalidRequest, UnknownKey
from server.middleware.audited_changes import RESULT
from server.routes.requests import parse, read_json
from server.routes.route import Route
from server.shared.store_watcher import answered

T = TypeVar("T")
MOST_GRACE_SECONDS = 90 * 86400


class Rotation(BaseModel):
    """The body of a rotation."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    grace_seconds: float = Field(86400.0, ge=0, le=MOST_GRACE_SECONDS)
    """How long the old text of the key counts."""


class KeyAdministrationRoutes:
    """The routes that manage keys. Bodies must be JSON, which no page of another origin can send unasked."""

    def __init__(self, keyring: Keyring, receive_seconds: float) -> None:
        """``receive_seconds`` is the timeout for a body."""
        self._keyring = keyring
        self._receive_seconds = receive_seconds

    def routes(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/admin/keys", self.list, Scope.ADMIN, None),
            Route("POST", "/admin/keys", self.create, Scope.ADMIN, None, change=AuditEvent.KEY_CREATED),
            Route("DELETE", "/admin/keys/{id}", self.revoke, Scope.ADMIN, None, change=AuditEvent.KEY_REVOKED),
            Route("POST", "/admin/keys/{id}/rotate", self.rotate, Scope.ADMIN, None, change=AuditEvent.KEY_ROTATED),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Responds with all keys, without their secrets."""
        return web.json_response({"keys": [describe(record) for record in self._keyring.records]})

    async def create(self, request: web.Request) -> web.Response:
        """Responds with 201 and the new key, which is shown only once. The body has the fields of KeyDraft."""
        draft = parse(KeyDraft, await read_json(request, self._receive_seconds))
        record, key = await self._change(lambda database: database.create(draft.record()))
        request[RESULT] = key_result(record)
        return web.json_response(_issued(record, key), status=201)

    async def revoke(self, request: web.Request) -> web.Response:
        """Responds with the key, which ends at once."""
        key_id = request.match_info["id"]
        record = await self._change(lambda database: database.revoke(key_id))
        request[RESULT] = key_result(record)
        return web.json_response(describe(record))

    async def rotate(self, request: web.Request) -> web.Response:
        """Responds with the key's new text, which is shown only once."""
        rotation = parse(Rotation, await read_json(request, self._receive_seconds))
        key_id = request.match_info["id"]
        record, key = await self._change(lambda database: database.rotate(key_id, rotation.grace_seconds))
        request[RESULT] = key_result(record)
        return web.json_response(_issued(record, key))

    async def _change(self, change: Callable[[KeyDatabase], T]) -> T:
        """Returns the result of a change, which counts from now on. Raises UnknownKey, InvalidRequest."""
        database = self._keyring.source
        if not isinstance(database, KeyDatabase):
            raise InvalidRequest("this server only reads its keys, from TTSCOPE_KEYS_FILE: change that file")
        try:
            result = await answered(asyncio.to_thread(change, database))
        except UnknownKeyError as error:
            raise UnknownKey(str(error)) from None
        except DraftError as error:
            raise InvalidRequest(str(error), param=error.param) from None
        except KeyStoreError as error:
            raise InternalError("the keys can't be changed; see the server's log") from error
        await asyncio.to_thread(self._keyring.load)
        return result


def _issued(record: KeyRecord, key: IssuedKey) -> dict[str, Any]:
    return {**describe(record), "key": key.text}
