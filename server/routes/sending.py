"""Encodes audio outside the event loop, and sends it whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping

import numpy as np
from aiohttp import hdrs, web

from otel.contract.values import Stage
from server.audio.encoding import Encoder, Length, encoder
from server.audio.formats import Format
from server.audio.loudness import at_loudness
from server.errors import EngineFailed, SpeechError
from server.middleware.envelope import FAILURE_SENT
from server.record import RequestRecord
from server.routes import captions
from server.routes.byte_ranges import ACCEPT_RANGES, entity_tag, requested_range
from server.routes.delivery import PIECE_BYTES, Delivery
from server.routes.event_format import ChunkTimes, EventFormat
from server.utterance import Chunk, Word

MOST_LENGTH, MOST_SLACK = 4.0, 60.0
"""The most audio that a stream can have: a multiple of the estimate, and seconds. Audio of other lengths is faulty."""

Send = Callable[[Delivery, AsyncGenerator[bytes, None]], Awaitable[web.StreamResponse]]
"""A function that sends the pieces of the audio in one form, and returns the completed response."""


async def encoded(
    chunks: AsyncGenerator[Chunk, None], audio_format: Format, record: RequestRecord, *, whole: bool, artist: str
) -> AsyncGenerator[bytes, None]:
    """Yields the encoded audio in non-empty pieces: as synthesis progresses, or in one piece if ``whole``.

    ``artist`` is the voice's name. Raises EngineFailed if there is no audio, and any error that ``chunks`` raises.
    """
    audio_encoder: Encoder | None = None
    async for chunk in chunks:
        with record.stage(Stage.ENCODE):
            if audio_encoder is None:
                length = _length(chunk, record)
                audio_encoder = encoder(audio_format, chunk.sample_rate, whole=whole, artist=artist, length=length)
            # A thread costs more than a quick encoder. If the client leaves meanwhile, the thread keeps the encoder.
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


def _length(first: Chunk, record: RequestRecord) -> Length:
    """Returns what is known of the audio's length when its first chunk is."""
    estimate = None if record.synthesis is None else record.synthesis.estimated_seconds
    return Length(first.total, None if estimate is None else MOST_LENGTH * estimate + MOST_SLACK)


async def levelled(
    chunks: AsyncGenerator[Chunk, None], loudness: float, record: RequestRecord
) -> AsyncGenerator[Chunk, None]:
    """Yields the audio as one chunk with a loudness of ``loudness`` LUFS; raises any error that ``chunks`` raises."""
    whole = [chunk async for chunk in chunks]
    if not whole:
        return
    rate = whole[0].sample_rate
    with record.stage(Stage.ENCODE):
        samples = await asyncio.to_thread(
            lambda: at_loudness(np.concatenate([chunk.samples for chunk in whole]), rate, loudness)
        )
    yield Chunk(samples, rate, total=len(samples))


async def send_whole(delivery: Delivery, pieces: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Sends the audio once all of it is ready; in answer to a GET, the requested range of it."""
    body = [piece async for piece in pieces]
    content_type = delivery.synthesis_request.format.content_type
    if delivery.request.method == hdrs.METH_GET:
        return await _in_range(delivery, content_type, body)
    return await _at_once(delivery, content_type, body)


async def send_stream(delivery: Delivery, pieces: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Sends the audio as a stream, during synthesis."""
    async for piece in pieces:
        delivery.record.mark_first_audio()
        if not delivery.prepared:
            await delivery.begin(delivery.synthesis_request.format.content_type)
        with delivery.record.stage(Stage.SEND):
            await delivery.add(piece)
    return await _finish(delivery)


async def send_events(
    delivery: Delivery, pieces: AsyncGenerator[bytes, None], *, events: EventFormat, times: ChunkTimes
) -> web.StreamResponse:
    """Streams the audio in ``events``. A failure is sent as an event if they have one, and raised as well.

    ``times`` are those of the chunks so far; the next event contains them, and they are cleared.
    """
    try:
        async for piece in pieces:
            delivery.record.mark_first_audio()
            if not delivery.prepared:
                await delivery.begin(events.content_type)
            with delivery.record.stage(Stage.SEND):
                for start in range(0, len(piece), PIECE_BYTES):
                    await delivery.add(events.audio(piece[start : start + PIECE_BYTES], times))
                    times.clear()
    except SpeechError as error:
        if delivery.prepared and (failure := events.failure(error, delivery.record)):
            await delivery.add(failure)
            await delivery.end()
            delivery.request[FAILURE_SENT] = True
        raise
    return await _finish(delivery, events.completed)


async def send_captioned(
    delivery: Delivery, pieces: AsyncGenerator[bytes, None], *, words: list[Word]
) -> web.StreamResponse:
    """Sends the audio as JSON once all of it is ready, with the timestamps of ``words``, which are complete by then."""
    audio = [piece async for piece in pieces]
    with delivery.record.stage(Stage.ENCODE):  # in a thread: minutes of audio take 0.1 s
        request = delivery.synthesis_request
        body = await asyncio.to_thread(request.captions, audio, request.speech.response_format, words)
    audio.clear()
    return await _at_once(delivery, captions.CONTENT_TYPE, [body])


async def _in_range(delivery: Delivery, content_type: str, body: list[bytes]) -> web.StreamResponse:
    """Sends the range of the body that the client requests, or all of it. Raises RangeNotSatisfiable."""
    body[:] = [b"".join(body)]
    tag = await asyncio.to_thread(entity_tag, body[0])  # a minute of WAV takes 1.5 ms
    byte_range = requested_range(delivery.request.headers, len(body[0]), tag)
    headers: dict[str, str] = {**ACCEPT_RANGES, hdrs.ETAG: tag}
    if byte_range is None:
        return await _at_once(delivery, content_type, body, headers=headers)
    headers[hdrs.CONTENT_RANGE] = byte_range.content_range
    body[0] = body[0][byte_range.start : byte_range.stop]
    return await _at_once(delivery, content_type, body, status=206, headers=headers)


async def _at_once(
    delivery: Delivery,
    content_type: str,
    body: list[bytes],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.StreamResponse:
    """Sends the complete body, with its Content-Length and additional ``headers``."""
    size = sum(map(len, body))
    delivery.slot.hold(size)
    delivery.slot.ready()
    delivery.record.mark_ready()
    await delivery.begin(content_type, size, status=status, headers=headers)
    with delivery.record.stage(Stage.SEND):
        while body:  # sent pieces are freed
            await delivery.write(body.pop(0))
        return await delivery.end()


async def _finish(delivery: Delivery, last: Callable[[RequestRecord], bytes] | None = None) -> web.StreamResponse:
    """Ends a streamed response; ``last`` returns its last bytes."""
    if not delivery.prepared:
        raise EngineFailed("the speech engine made no audio")
    delivery.slot.ready()
    delivery.record.mark_ready()
    with delivery.record.stage(Stage.SEND):
        if last is not None:
            await delivery.add(last(delivery.record))
        return await delivery.end()
