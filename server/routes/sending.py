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
from server.middleware.envelope import FAILURE_SENT
from server.record import RequestRecord
from server.routes import captions, events
from server.routes.delivery import PIECE_BYTES, Delivery
from server.utterance import Chunk, Word

Send = Callable[[Delivery, AsyncGenerator[bytes, None]], Awaitable[web.StreamResponse]]
"""One of the ways to answer: sends the pieces of the audio, and returns the answer that has ended."""


async def encoded(
    chunks: AsyncGenerator[Chunk, None], audio_format: Format, record: RequestRecord, *, whole: bool, artist: str
) -> AsyncGenerator[bytes, None]:
    """The encoded audio, no piece of it empty: a stream's as it is made, a whole file's all in one.

    ``artist`` is who speaks. Raises EngineFailed if there is no audio, and whatever ``chunks`` does.
    """
    audio_encoder: Encoder | None = None
    async for chunk in chunks:
        with record.stage(Stage.ENCODE):
            if audio_encoder is None:
                audio_encoder = encoder(audio_format, chunk.sample_rate, whole=whole, artist=artist)
            # A thread of its own costs more than what is quick. Who leaves meanwhile leaves the encoder to the thread.
            piece = (
                audio_encoder.feed(chunk.samples)
                if audio_encoder.quick
                else await asyncio.to_thread(audio_encoder.feed, chunk.samples)
            )
        if piece:
            yield piece
    if audio_encoder is None:
        raise EngineFailed("the speech engine made no audio")
    with record.stage(Stage.ENCODE):
        piece = audio_encoder.finish() if audio_encoder.quick else await asyncio.to_thread(audio_encoder.finish)
    if piece:
        yield piece


async def levelled(
    chunks: AsyncGenerator[Chunk, None], loudness: float, record: RequestRecord
) -> AsyncGenerator[Chunk, None]:
    """The audio as one chunk, at so many LUFS; raises whatever ``chunks`` does."""
    whole = [chunk async for chunk in chunks]
    if not whole:
        return
    rate = whole[0].sample_rate
    with record.stage(Stage.ENCODE):
        samples = await asyncio.to_thread(
            lambda: at_loudness(np.concatenate([chunk.samples for chunk in whole]), rate, loudness)
        )
    yield Chunk(samples, rate)


async def send_whole(delivery: Delivery, pieces: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Sends the audio once all of it is made."""
    return await _at_once(delivery, delivery.synthesis_request.format.content_type, [piece async for piece in pieces])


async def send_stream(delivery: Delivery, pieces: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Sends the audio as it is made."""
    async for piece in pieces:
        delivery.record.mark_first_audio()
        if not delivery.prepared:
            await delivery.begin(delivery.synthesis_request.format.content_type)
        with delivery.record.stage(Stage.SEND):
            await delivery.add(piece)
    return await _finish(delivery)


async def send_events(
    delivery: Delivery, pieces: AsyncGenerator[bytes, None], *, words: list[Word]
) -> web.StreamResponse:
    """Sends the audio as it is made, in server-sent events; a failure is one too, and raised all the same.

    ``words`` are those collected so far, and emptied into the next event.
    """
    try:
        async for piece in pieces:
            delivery.record.mark_first_audio()
            if not delivery.prepared:
                await delivery.begin(events.CONTENT_TYPE)
            with delivery.record.stage(Stage.SEND):
                for start in range(0, len(piece), PIECE_BYTES):
                    await delivery.add(events.delta(piece[start : start + PIECE_BYTES], words))
                    words.clear()
    except SpeechError as error:
        if delivery.prepared:
            await delivery.add(events.failure(error))
            await delivery.end()
            delivery.request[FAILURE_SENT] = True
        raise
    return await _finish(delivery, events.completed)


async def send_captioned(
    delivery: Delivery, pieces: AsyncGenerator[bytes, None], *, words: list[Word]
) -> web.StreamResponse:
    """Sends the audio once all of it is made, as JSON with the times of ``words``, which are collected by then."""
    audio = [piece async for piece in pieces]
    with delivery.record.stage(Stage.ENCODE):  # in a thread: minutes of audio take a tenth of a second
        body = await asyncio.to_thread(captions.body, audio, delivery.synthesis_request.speech.response_format, words)
    audio.clear()
    return await _at_once(delivery, captions.CONTENT_TYPE, [body])


async def _at_once(delivery: Delivery, content_type: str, body: list[bytes]) -> web.StreamResponse:
    """Sends the whole body, with its length."""
    size = sum(map(len, body))
    delivery.slot.hold(size)
    delivery.slot.ready()
    delivery.record.mark_ready()
    await delivery.begin(content_type, size)
    with delivery.record.stage(Stage.SEND):
        while body:  # what is sent is not kept
            await delivery.write(body.pop(0))
        return await delivery.end()


async def _finish(delivery: Delivery, last: Callable[[RequestRecord], bytes] | None = None) -> web.StreamResponse:
    """Ends an answer that was sent as it was made."""
    if not delivery.prepared:
        raise EngineFailed("the speech engine made no audio")
    delivery.slot.ready()
    delivery.record.mark_ready()
    with delivery.record.stage(Stage.SEND):
        if last is not None:
            await delivery.add(last(delivery.record))
        return await delivery.end()
