"""PUT and DELETE /v1/audio/voices/{id}: a recording becomes a voice, and is forgotten."""

from __future__ import annotations

import asyncio

from aiohttp import web

from server.audio import sample
from server.errors import BodyTooLarge, InvalidRequest, RequestTimeout, UnknownPath
from server.speech import VOICE_NAME
from server.synthesizer import Synthesizer
from server.voices.samples import SAMPLE_RATE, SampleStore

PATH = "/v1/audio/voices/{id}"
MOST_BYTES = 10 * 1024 * 1024
"""30 s of stereo at 48 kHz and 24 bits are 8.6 MB."""


class SamplesRoute:
    """The handlers. A recording is decoded and kept beside the event loop."""

    def __init__(self, store: SampleStore | None, synthesizer: Synthesizer, receive_seconds: float) -> None:
        """``store`` is None where nobody can clone a voice; a client has ``receive_seconds`` for its recording."""
        self._store = store
        self._synthesizer = synthesizer
        self._receive_seconds = receive_seconds

    async def put(self, request: web.Request) -> web.Response:
        """The body is the recording. 201 for a new voice, 200 for one that was there under this id."""
        store, name = self._asked(request)
        known = name in store.samples
        if not known and name in self._synthesizer.voices():
            raise InvalidRequest("id: is the name of an installed voice", param="id")
        audio = await asyncio.to_thread(sample.decode, await self._body(request), SAMPLE_RATE)
        await asyncio.to_thread(store.put, name, audio)
        self._synthesizer.refresh()
        voice = self._synthesizer.voices()[name]
        described = {"id": name, "languages": list(voice.languages), "seconds": round(len(audio) / SAMPLE_RATE, 3)}
        return web.json_response(described, status=200 if known else 201)

    async def delete(self, request: web.Request) -> web.Response:
        """204; speech that has begun goes on."""
        store, name = self._asked(request)
        await asyncio.to_thread(store.remove, name)
        self._synthesizer.refresh()
        return web.Response(status=204)

    def _asked(self, request: web.Request) -> tuple[SampleStore, str]:
        if self._store is None:
            raise UnknownPath("no voices can be registered here: TTSCOPE_PROVIDERS does not name xtts")
        name = request.match_info["id"]
        if not VOICE_NAME.fullmatch(name):
            raise InvalidRequest(f"id: must match {VOICE_NAME.pattern}", param="id")
        return self._store, name

    async def _body(self, request: web.Request) -> bytes:
        data = bytearray()
        try:
            async with asyncio.timeout(self._receive_seconds):
                async for part in request.content.iter_any():
                    data += part
                    if len(data) > MOST_BYTES:
                        raise BodyTooLarge(f"a recording has at most {MOST_BYTES} bytes", param="audio")
        except TimeoutError:
            raise RequestTimeout(f"the recording was not here within {self._receive_seconds:g} seconds") from None
        return bytes(data)
