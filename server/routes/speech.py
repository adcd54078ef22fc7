"""The handler of speech requests: it takes text and responds with speech, whole or as a stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace
from functools import partial

from aiohttp import hdrs, web
from opentelemetry.trace import get_current_span

from otel.contract.values import Stage
from server.access.clients import Clients
from server.access.limiter import PERMIT
from server.errors import SpeechError
from server.middleware.envelope import RECORD
from server.record import Synthesis
from server.routes.byte_ranges import ACCEPT_RANGES
from server.routes.delivery import Delivery, SendLimits, bytes_ahead
from server.routes.dialect import Dialect, SynthesisRequest
from server.routes.dry_run import DryRun
from server.routes.event_format import ChunkTimes
from server.routes.requests import wants_fresh
from server.routes.sending import (
    Send,
    encoded,
    levelled,
    send_captioned,
    send_events,
    send_stream,
    send_whole,
)
from server.routes.utterances import UtteranceParser, parsed
from server.settings import Settings
from server.synthesis.synthesizer import Synthesizer
from server.utterance import Chunk, Listener, Utterance

BASE64 = 4 / 3
"""Bytes of JSON per byte of audio."""


class SpeechRoute:
    """The handler of one dialect's speech requests."""

    def __init__(
        self,
        settings: Settings,
        synthesizer: Synthesizer,
        clients: Clients,
        utterances: UtteranceParser,
        dialect: Dialect,
        *,
        dry_run: DryRun,
    ) -> None:
        self._dialect = dialect
        self._settings = settings
        self._synthesizer = synthesizer
        self._clients = clients
        self._utterances = utterances
        self._dry_run = dry_run
        self._limits = SendLimits(settings.send_seconds, settings.min_send_rate, settings.cache_header)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        record = request[RECORD]
        body = await self._dialect.read(request, self._settings.receive_seconds)
        record.mark_received()
        with record.stage(Stage.NORMALIZE):
            synthesis_request = await parsed(partial(self._dialect.parse, request), body)
            with renamed(self._dialect.names):
                speech = self._utterances.completed(synthesis_request.speech)
                utterance, _ = await self._utterances.parse(speech, record.caller)
        synthesis_request = replace(synthesis_request, speech=speech)
        if request.method == hdrs.METH_HEAD:  # the length of the audio is known when it is made, so it is left out
            self._synthesizer.check_ready()
            headers = {hdrs.CONTENT_TYPE: synthesis_request.format.content_type, **ACCEPT_RANGES}
            return web.StreamResponse(headers=headers)
        client = self._clients.key(request)
        origin = get_current_span().get_span_context()
        listener = Listener(speech.stream, client, origin, record.caller.tenant)
        fresh = speech.verify or not speech.cache or wants_fresh(request)
        record.synthesis = synthesis = Synthesis(
            utterance, listener, fresh, speech.response_format, verify=speech.verify
        )
        if speech.verify:
            self._synthesizer.require_verification(utterance)
        if speech.dry_run:
            size = self._size(synthesis_request, utterance)
            return self._dry_run.answer(record, synthesis, size, request.get(PERMIT))
        with (
            renamed(self._dialect.names),
            self._synthesizer.admit(client, self._size(synthesis_request, utterance)) as slot,
        ):
            delivery = Delivery(request, record, synthesis_request, slot, self._limits)
            permit = request.get(PERMIT)
            if permit is not None:
                permit.charge(utterance.characters, self._synthesizer.estimate(utterance))
            async with aclosing(self._synthesizer.speak(record)) as chunks:
                return await self._answer(delivery, utterance, permit.metered(chunks) if permit else chunks)

    async def _answer(
        self, delivery: Delivery, utterance: Utterance, chunks: AsyncGenerator[Chunk, None]
    ) -> web.StreamResponse:
        """Encodes the audio and sends it in the form that the client requested."""
        record, synthesis_request = delivery.record, delivery.synthesis_request
        speech = synthesis_request.speech
        times = ChunkTimes()
        if utterance.timed or synthesis_request.events is not None:
            chunks = _timed(chunks, times)
        if speech.loudness is not None:
            chunks = levelled(chunks, speech.loudness, record)
        data = encoded(chunks, synthesis_request.format, record, whole=not speech.stream, artist=utterance.voice.name)
        return await _sender(synthesis_request, times)(delivery, data)

    def _size(self, synthesis_request: SynthesisRequest, utterance: Utterance) -> int:
        """Estimates the maximum unsent bytes of the response: the whole body, or for a stream the audio that is
        synthesized ahead of the client."""
        seconds, rate = self._synthesizer.estimate(utterance), utterance.voice.sample_rate
        if synthesis_request.speech.stream and synthesis_request.speech.loudness is None:
            return bytes_ahead(seconds, rate)
        size = seconds * synthesis_request.format.byte_rate(rate)
        return int(size * BASE64) if synthesis_request.speech.timestamps else int(size)


def _sender(synthesis_request: SynthesisRequest, times: ChunkTimes) -> Send:
    """Returns the function that sends the form of response that the client requested."""
    if synthesis_request.events is not None:
        return partial(send_events, events=synthesis_request.events, times=times)
    if synthesis_request.speech.timestamps:
        return partial(send_captioned, words=times.words)
    return send_stream if synthesis_request.speech.stream else send_whole


@contextmanager
def renamed(names: Mapping[str, str]) -> Iterator[None]:
    """Renames the field of a SpeechError to the dialect's name."""
    try:
        yield
    except SpeechError as error:
        if error.param is not None:
            error.param = names.get(error.param, error.param)
        raise


async def _timed(chunks: AsyncGenerator[Chunk, None], times: ChunkTimes) -> AsyncGenerator[Chunk, None]:
    """Yields the chunks, and collects their times in ``times``."""
    async for chunk in chunks:
        times.add(chunk)
        yield chunk
