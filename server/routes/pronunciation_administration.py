"""/admin/pronunciations on the management port: lists, sets and deletes entries of the server's dictionaries."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from otel.contract.values import AuditEvent
from server.access.audit_changes import ChangeResult
from server.access.caller import Scope
from server.errors import InvalidRequest, UnknownPronunciation
from server.middleware.audited_changes import RESULT
from server.routes.requests import parse, read_json
from server.routes.route import Route
from server.shared.store_watcher import answered
from server.text.dictionaries import Dictionaries
from server.text.dictionary_changes import ADDED_FILE, delete, put
from server.text.dictionary_files import LANGUAGE, DictionaryEntry, DictionaryError
from server.text.lexicon import MAX_WRITTEN, Pronunciation

PATH = "/admin/pronunciations"
T = TypeVar("T")
Language = Annotated[str, Field(pattern=f"^{LANGUAGE.pattern}$")]


class EntryBody(Pronunciation):
    """The body that sets an entry."""

    language: Language = ""
    """BCP 47 in lower case; empty for every language."""


class WordsBody(BaseModel):
    """The body that deletes an entry: what it is for."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_WRITTEN)]
    language: Language = ""
    case: bool = False
    whole_word: bool = True


class PronunciationAdministrationRoutes:
    """The routes that change the file of entries that are added one by one; other files are listed, not changed."""

    def __init__(self, dictionaries: Dictionaries, receive_seconds: float) -> None:
        """``receive_seconds`` is the timeout for a body."""
        self._dictionaries = dictionaries
        self._receive_seconds = receive_seconds

    def routes(self) -> tuple[Route, ...]:
        change = AuditEvent.DICTIONARY_CHANGED
        return (
            Route("GET", PATH, self.list, Scope.ADMIN, None),
            Route("PUT", PATH, self.put, Scope.ADMIN, None, change=change),
            Route("DELETE", PATH, self.delete, Scope.ADMIN, None, change=change),
        )

    async def list(self, request: web.Request) -> web.Response:
        """Responds with all entries, those that count last, and what is wrong with files."""
        entries = [_describe(entry) for entry in self._dictionaries.entries]
        return web.json_response({"entries": entries, "problems": self._dictionaries.problems})

    async def put(self, request: web.Request) -> web.Response:
        """Responds with the entry, which replaces one for the same words."""
        body = parse(EntryBody, await read_json(request, self._receive_seconds))
        said = Pronunciation.model_validate(body.model_dump(exclude={"language"}))
        entry = DictionaryEntry(said, body.language)
        await self._change(request, lambda path: put(path, entry))
        return web.json_response(_describe(entry))

    async def delete(self, request: web.Request) -> web.Response:
        """Responds with 204. Raises UnknownPronunciation."""
        body = parse(WordsBody, await read_json(request, self._receive_seconds))
        fields = body.model_dump(exclude={"language"})
        entry = DictionaryEntry(Pronunciation.model_construct(**fields, say="", ipa=""), body.language)
        if not await self._change(request, lambda path: delete(path, entry)):
            raise UnknownPronunciation(f"{ADDED_FILE} has no entry for these words", param="text")
        return web.Response(status=204)

    async def _change(self, request: web.Request, change: Callable[[Path], T]) -> T:
        """Returns the result of a change, which counts from now on. Raises InvalidRequest, SharedStoreUnavailable."""
        request[RESULT] = ChangeResult(ADDED_FILE)
        try:
            result = await answered(asyncio.to_thread(self._dictionaries.change, ADDED_FILE, change))
        except DictionaryError as error:
            raise InvalidRequest(f"{ADDED_FILE}: {error}") from None
        await asyncio.to_thread(self._dictionaries.load)
        return result


def _describe(entry: DictionaryEntry) -> dict[str, Any]:
    return {**entry.pronunciation.model_dump(), "language": entry.language}
