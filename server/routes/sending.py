"""Audio on its way out: encoded beside the event loop, and sent whole or as it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import numpy as np
from aiohttp import web

from otel.contract.values import Stage
from server.audio.encoding import Encoder, encoder
from server.audio.formats import Format
from server.audio.loudness import at_loudness
from server.errors import EngineFailed, SpeechError
from server.middleware.envelope import TOLD
from server.record import RequestRecord
from server.routes import captions, events
from server.routes.delivery import PIECE_BYTES, Delivery
from server.utterance import Chunk, Word

Send = Callable[[Delivery, AsyncGenerator[bytes, None]], Awaitable[web.StreamResponse]]
"""One of the ways to answer: sends the parts of the audio, and returns the answer that has ended."""


async def encoded(
    chunks: AsyncGenerator[Chunk, None], wanted: Format, record: RequestRecord, *, whole: bool, artist: str
) -> AsyncGenerator[bytes, None]:
    """The audio's bytes, no piece of them empty: of a stream as it is made, of a whole file all in one.

    ``artist`` is who speaks. Raises EngineFailed if there is no audio, and whatever ``chunks`` does.
    """
    making: Encoder | None = None
    async for chunk in chunks:
        with record.stage(Stage.ENCODE):
            if making is None:
                making = encoder(wanted, chunk.sample_rate, whole=whole, artist=artist)
            # A thread of its own costs more than what is quick. Who leaves meanwhile leaves the encoder to the thread.
            part = making.feed(chunk.samples) if making.quick else await asyncio.to_thread(making.feed, chunk.samples)
        if part:
            yield part
    if making is None:
        raise EngineFailed("the speech engine made no audio")
    with record.stage(Stage.ENCODE):
        part = making.finish() if making.quick else await asyncio.to_thread(making.finish)
    if part:
        yield part


async def levelled(
    chunks: AsyncGenerator[Chunk, None], loudness: float, record: RequestRecord
) -> AsyncGenerator[Chunk, None]:
    """All of the audio as one chunk, at so many LUFS; raises whatever ``chunks`` does."""
    heard = [chunk async for chunk in chunks]
    if not heard:
        return
    rate = heard[0].sample_rate
    with record.stage(Stage.ENCODE):
        samples = await asyncio.to_thread(
            lambda: at_loudness(np.concatenate([chunk.samples for chunk in heard]), rate, loudness)
        )
    yield Chunk(samples, rate)


async def send_whole(delivery: Delivery, parts: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Once all of it is made."""
    return await _at_once(delivery, delivery.wish.format.content_type, [part async for part in parts])


async def send_stream(delivery: Delivery, parts: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """As it is made."""
    async for part in parts:
        delivery.record.mark_first_audio()
        if not delivery.begun:
            await delivery.begin(delivery.wish.format.content_type)
        with delivery.record.stage(Stage.SEND):
            await delivery.add(part)
    return await _ended(delivery)


async def send_events(
    delivery: Delivery, parts: AsyncGenerator[bytes, None], *, words: list[Word]
) -> web.StreamResponse:
    """As it is made, in server-sent events; a failure is one too, and raised all the same.

    ``words`` are those noted so far, and emptied into the next event.
    """
    try:
        async for part in parts:
            delivery.record.mark_first_audio()
            if not delivery.begun:
                await delivery.begin(events.CONTENT_TYPE)
            with delivery.record.stage(Stage.SEND):
                for start in range(0, len(part), PIECE_BYTES):
                    await delivery.add(events.delta(part[start : start + PIECE_BYTES], words))
                    words.clear()
    except SpeechError as error:
        if delivery.begun:
            await delivery.add(events.failure(error))
            await delivery.end()
            delivery.request[TOLD] = True
        raise
    return await _ended(delivery, events.done)


async def send_captioned(
    delivery: Delivery, parts: AsyncGenerator[bytes, None], *, words: list[Word]
) -> web.StreamResponse:
    """Once all of it is made, as JSON with the times of ``words``, which are noted by then."""
    audio = [part async for part in parts]
    with delivery.record.stage(Stage.ENCODE):  # in a thread: minutes of audio take a tenth of a second
        body = await asyncio.to_thread(captions.body, audio, delivery.wish.speech.response_format, words)
    audio.clear()
    return await _at_once(delivery, captions.CONTENT_TYPE, [body])


async def _at_once(delivery: Delivery, content_type: str, body: list[bytes]) -> web.StreamResponse:
    """All that there is, with its length."""
    size = sum(map(len, body))
    delivery.visit.hold(size)
    delivery.visit.ready()
    delivery.record.mark_ready()
    await delivery.begin(content_type, size)
    with delivery.record.stage(Stage.SEND):
        while body:  # what is sent is not kept
            await delivery.write(body.pop(0))
        return await delivery.end()


async def _ended(delivery: Delivery, last: Callable[[RequestRecord], bytes] | None = None) -> web.StreamResponse:
    """The end of what was sent as it was made."""
    if not delivery.begun:
        raise EngineFailed("the speech engine made no audio")
    delivery.visit.ready()
    delivery.record.mark_ready()
    with delivery.record.stage(Stage.SEND):
        if last is not None:
            await delivery.add(last(delivery.record))
        return await delivery.end()
