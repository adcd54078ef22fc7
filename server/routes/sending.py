"""Audio on its way out: encoded beside the event loop, and sent whole or as it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import numpy as np
from aiohttp import web

from server.audio.encoding import Encoder, encoder
from server.audio.formats import Format
from server.audio.loudness import at_loudness
from server.errors import EngineFailed, SpeechError
from server.middleware.envelope import RESPONSE, TOLD
from server.observation import Observation
from server.routes import captions, events
from server.routes.wish import Wish
from server.speech import Chunk, Stage, Word

PIECE_BYTES = 64 * 1024
"""Audio is handed to the connection in pieces of this size; a client has its time for each."""
Send = Callable[[web.Request, Observation, AsyncGenerator[bytes, None], Wish], Awaitable[web.StreamResponse]]
"""One of the ways in which a Sender answers."""


async def encoded(
    chunks: AsyncGenerator[Chunk, None], wanted: Format, observation: Observation, *, whole: bool, artist: str
) -> AsyncGenerator[bytes, None]:
    """The audio's bytes, no piece of them empty: of a stream as it is made, of a whole file all in one.

    ``artist`` is who speaks. Raises EngineFailed if there is no audio, and whatever ``chunks`` does.
    """
    making: Encoder | None = None
    async for chunk in chunks:
        with observation.stage(Stage.ENCODE):
            if making is None:
                making = encoder(wanted, chunk.sample_rate, whole=whole, artist=artist)
            # A thread of its own costs more than what is quick. Who leaves meanwhile leaves the encoder to the thread.
            part = making.feed(chunk.samples) if making.quick else await asyncio.to_thread(making.feed, chunk.samples)
        if part:
            yield part
    if making is None:
        raise EngineFailed("the speech engine made no audio")
    with observation.stage(Stage.ENCODE):
        part = making.finish() if making.quick else await asyncio.to_thread(making.finish)
    if part:
        yield part


async def levelled(
    chunks: AsyncGenerator[Chunk, None], loudness: float, observation: Observation
) -> AsyncGenerator[Chunk, None]:
    """All of the audio as one chunk, at so many LUFS; raises whatever ``chunks`` does."""
    heard = [chunk async for chunk in chunks]
    if not heard:
        return
    rate = heard[0].sample_rate
    with observation.stage(Stage.ENCODE):
        samples = await asyncio.to_thread(
            lambda: at_loudness(np.concatenate([chunk.samples for chunk in heard]), rate, loudness)
        )
    yield Chunk(samples, rate)


class Sender:
    """Sends answers, each piece within the time that a client has for it.

    Raises TimeoutError when the client does not take the audio, ConnectionError when it has left.
    """

    def __init__(self, seconds: float) -> None:
        """``seconds`` is the time for a piece."""
        self._seconds = seconds

    async def whole(
        self, request: web.Request, observation: Observation, parts: AsyncGenerator[bytes, None], wish: Wish
    ) -> web.StreamResponse:
        """Once all of it is made."""
        body = [part async for part in parts]
        return await self._at_once(request, observation, wish, wish.format.content_type, body)

    async def stream(
        self, request: web.Request, observation: Observation, parts: AsyncGenerator[bytes, None], wish: Wish
    ) -> web.StreamResponse:
        """As it is made."""
        response: web.StreamResponse | None = None
        async for part in parts:
            observation.mark_first_audio()
            if response is None:
                response = begin(request, observation, wish.format.content_type, wish)
                await response.prepare(request)
            with observation.stage(Stage.SEND):
                await self.write(response, part)
        if response is None:
            raise EngineFailed("the speech engine made no audio")
        observation.mark_ready()
        with observation.stage(Stage.SEND):
            await self.end(response)
        return response

    async def events(
        self,
        request: web.Request,
        observation: Observation,
        parts: AsyncGenerator[bytes, None],
        wish: Wish,
        *,
        words: list[Word],
    ) -> web.StreamResponse:
        """As it is made, in server-sent events; a failure is one too, and raised all the same.

        ``words`` are those noted so far, and emptied into the next event.
        """
        response: web.StreamResponse | None = None
        try:
            async for part in parts:
                observation.mark_first_audio()
                if response is None:
                    response = begin(request, observation, events.CONTENT_TYPE, wish)
                    await response.prepare(request)
                with observation.stage(Stage.SEND):
                    for start in range(0, len(part), PIECE_BYTES):
                        await self.write(response, events.delta(part[start : start + PIECE_BYTES], words))
                        words.clear()
        except SpeechError as error:
            if response is not None:
                await self.write(response, events.failure(error))
                await self.end(response)
                request[TOLD] = True
            raise
        if response is None:
            raise EngineFailed("the speech engine made no audio")
        observation.mark_ready()
        with observation.stage(Stage.SEND):
            await self.write(response, events.done(observation))
            await self.end(response)
        return response

    async def captioned(
        self,
        request: web.Request,
        observation: Observation,
        parts: AsyncGenerator[bytes, None],
        wish: Wish,
        *,
        words: list[Word],
    ) -> web.StreamResponse:
        """Once all of it is made, as JSON with the times of ``words``, which are noted by then."""
        audio = [part async for part in parts]
        with observation.stage(Stage.ENCODE):  # in a thread: minutes of audio take a tenth of a second
            body = await asyncio.to_thread(captions.body, audio, wish.speech.response_format, words)
        return await self._at_once(request, observation, wish, captions.CONTENT_TYPE, [body])

    async def _at_once(
        self, request: web.Request, observation: Observation, wish: Wish, content_type: str, body: Sequence[bytes]
    ) -> web.StreamResponse:
        """All that there is, with its length."""
        observation.mark_ready()
        response = begin(request, observation, content_type, wish)
        response.content_length = sum(map(len, body))
        await response.prepare(request)
        with observation.stage(Stage.SEND):
            for part in body:
                await self.write(response, part)
            await self.end(response)
        return response

    async def write(self, response: web.StreamResponse, data: bytes) -> None:
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            async with asyncio.timeout(self._seconds):
                await response.write(view[start : start + PIECE_BYTES])

    async def end(self, response: web.StreamResponse) -> None:
        async with asyncio.timeout(self._seconds):
            await response.write_eof()


def begin(request: web.Request, observation: Observation, content_type: str, wish: Wish) -> web.StreamResponse:
    """An answer with speech, not sent yet, with all its headers."""
    response = web.StreamResponse(
        headers={
            "Content-Type": content_type,
            "X-TTS-Provider": observation.provider,
            "X-TTS-Cache": str(observation.cache),
            "X-TTS-Word-Count-Range": observation.word_count_range,
            "X-TTS-Character-Count-Range": observation.char_count_range,
            **({"X-TTS-Ignored": ", ".join(wish.ignored)} if wish.ignored else {}),
        }
    )
    request[RESPONSE] = response
    return response
