"""PUT and DELETE /v1/audio/voices/{id}: register a recording as a voice, and delete it."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from otel.contract.values import AuditEvent
from server.access.caller import Caller, Scope, caller_of
from server.access.clients import Clients
from server.audio import uploads
from server.errors import (
    BadRequest,
    BodyTooLarge,
    InvalidRequest,
    QueueFull,
    RequestTimeout,
    UnknownPath,
    UnknownVoice,
    VoiceNotAllowed,
)
from server.routes.operations import FAILURE, error, parameter
from server.routes.requests import JSON, refuse_compressed
from server.routes.route import Route
from server.routes.schemas import NUMBER, TEXT, each, several
from server.shared.store_watcher import StoreWatcher, answered
from server.synthesis.synthesizer import Synthesizer
from server.utterance import VOICE_NAME
from server.voices.recordings import SAMPLE_RATE, RecordingStore
from server.voices.tenant_recordings import TenantRecordings

MOST_BYTES = 10 * 1024 * 1024
"""The maximum size of a recording: 30 s of stereo at 48 kHz and 24 bits are 8.6 MB."""
MOST_UPLOADS = 2
"""The maximum concurrent uploads, one per client: each takes 20 MB, and a core to decode."""
RETRY_SECONDS = 5
T = TypeVar("T")

_PARAMETERS = [
    parameter(
        "id",
        "path",
        {"type": "string", "pattern": f"^{VOICE_NAME.pattern}$", "description": "What the voice is called."},
        required=True,
    )
]
_RECORDING = {"schema": {"type": "string", "format": "binary", "description": "The recording."}}
_VOICE = {JSON: {"schema": each(id=TEXT, languages=several(TEXT), seconds=NUMBER)}}
_REFUSALS = {"404": error("unknown_path if no provider clones voices; unknown_voice"), "default": error(FAILURE)}
_PUT = {
    "parameters": _PARAMETERS,
    "summary": f"Make a voice of a recording of {uploads.SHORTEST:g} to {uploads.LONGEST:g} seconds.",
    "requestBody": {
        "required": True,
        "content": dict.fromkeys(("audio/*", "application/octet-stream"), _RECORDING),
    },
    "responses": {
        "201": {"description": "There is a new voice.", "content": _VOICE},
        "200": {"description": "The voice speaks like this recording from now on.", "content": _VOICE},
        **_REFUSALS,
    },
}
_DELETE = {
    "summary": "Forget a recording, and its voice.",
    "parameters": _PARAMETERS,
    "responses": {"204": {"description": "It is gone."}, **_REFUSALS},
}


class VoiceRegistrationRoutes:
    """The routes that register and delete voices.

    A dedicated thread decodes and stores recordings, since the shared threads encode speech.
    """

    def __init__(
        self,
        recordings: TenantRecordings | None,
        synthesizer: Synthesizer,
        clients: Clients,
        receive_seconds: float,
        store: StoreWatcher | None = None,
        *,
        aliases: Container[str] = (),
    ) -> None:
        """``recordings`` is None if no provider clones voices; ``receive_seconds`` is the timeout for a recording.
        ``store`` follows the store that servers share; None if they share none. ``aliases`` are names of the settings,
        under which nothing can be registered."""
        self._store = store
        self._recordings = recordings
        self._aliases = aliases
        self._synthesizer = synthesizer
        self._clients = clients
        self._receive_seconds = receive_seconds
        self._uploading: set[str] = set()
        self._thread = ThreadPoolExecutor(1, "recordings")

    def routes(self) -> tuple[Route, ...]:
        path = "/v1/audio/voices/{id}"
        return (
            Route("PUT", path, self.put, Scope.VOICES, _PUT, change=AuditEvent.VOICE_REGISTERED),
            Route("DELETE", path, self.delete, Scope.VOICES, _DELETE, change=AuditEvent.VOICE_DELETED),
        )

    async def put(self, request: web.Request) -> web.Response:
        """Registers the recording in the body; responds with 201 for a new voice, 200 if it replaces a recording."""
        caller = caller_of(request)
        store, name = await self._target(request, caller)
        exists = name in store.recordings
        store.require(name)
        installed = self._synthesizer.installed
        if not exists and name in installed:
            raise InvalidRequest(f"id: must not be an installed voice's: {', '.join(sorted(installed))}", param="id")
        if name in self._aliases:
            raise InvalidRequest("id: must not be an alias of TTSCOPE_ALIASES", param="id")
        with self._upload(self._clients.key(request)):
            recording = await self._body(request)
            audio = await self._run(uploads.decode, recording, SAMPLE_RATE)
            await self._stored(self._run(store.put, name, audio))
        self._synthesizer.refresh()
        voice = self._synthesizer.voices(caller).get(name)
        if voice is None:
            raise UnknownVoice("this voice was deleted while it was registered", param="id")
        described = {"id": name, "languages": list(voice.languages), "seconds": round(len(audio) / SAMPLE_RATE, 3)}
        return web.json_response(described, status=200 if exists else 201)

    async def delete(self, request: web.Request) -> web.Response:
        """Deletes the voice and responds with 204; speech in progress continues."""
        store, name = await self._target(request, caller_of(request))
        await self._stored(self._run(store.remove, name))
        self._synthesizer.refresh()
        return web.Response(status=204)

    async def _target(self, request: web.Request, caller: Caller) -> tuple[RecordingStore, str]:
        """Returns the caller's store, with what other servers have registered in it, and the name in the path. Other
        tenants' voices do not exist for it."""
        if self._recordings is None:
            raise UnknownPath("no voices can be registered here: TTSCOPE_PROVIDERS does not name xtts")
        name = request.match_info["id"]
        if not VOICE_NAME.fullmatch(name):
            raise InvalidRequest(f"id: must match {VOICE_NAME.pattern}", param="id")
        if not caller.may_use(name):
            raise VoiceNotAllowed("this API key may not register or delete a voice of this name", param="id")
        if self._store is not None:
            await self._store.refresh()
        return self._recordings.of(caller.tenant), name

    async def _stored(self, work: Future[Any]) -> None:
        """Waits for a change: as long as a shared store may take, or else as long as the disk takes."""
        await (work if self._store is None else answered(work))

    def _run(self, function: Callable[..., T], *arguments: Any) -> Future[T]:
        """Runs a function in the thread of recordings."""
        return asyncio.get_running_loop().run_in_executor(self._thread, partial(function, *arguments))

    @contextmanager
    def _upload(self, client: str) -> Iterator[None]:
        """Holds a place for an upload. Raises QueueFull if the client has one, or all MOST_UPLOADS are taken."""
        if client in self._uploading or len(self._uploading) >= MOST_UPLOADS:
            raise QueueFull(
                f"{MOST_UPLOADS} recordings are accepted at a time, one from each client; try again later",
                retry_after=RETRY_SECONDS,
            )
        self._uploading.add(client)
        try:
            yield
        finally:
            self._uploading.discard(client)

    async def _body(self, request: web.Request) -> bytes:
        refuse_compressed(request)
        if (request.content_length or 0) > MOST_BYTES:
            raise _too_large()
        data = bytearray()
        try:
            async with asyncio.timeout(self._receive_seconds):
                async for piece in request.content.iter_any():
                    data += piece
                    if len(data) > MOST_BYTES:
                        raise _too_large()
        except TimeoutError:
            raise RequestTimeout(f"the recording did not arrive within {self._receive_seconds:g} seconds") from None
        except web.RequestPayloadError:
            raise BadRequest("the recording is incomplete, or its chunks are invalid") from None
        return bytes(data)


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(f"a recording has at most {MOST_BYTES} bytes", param="audio")
