"""The handler of speech requests: it takes text and responds with speech, whole or as a stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from functools import partial

import numpy as np
from aiohttp import web
from opentelemetry.trace import get_current_span

from otel.contract.values import Stage
from server.errors import SpeechError, TextTooLong, UnknownVoice, UnsupportedLanguage
from server.middleware.envelope import RECORD
from server.record import Synthesis
from server.routes.clients import Clients
from server.routes.delivery import Delivery, SendLimits
from server.routes.dialect import Dialect, SynthesisRequest
from server.routes.requests import TtsRequest, wants_fresh
from server.routes.sending import (
    Send,
    encoded,
    levelled,
    send_captioned,
    send_events,
    send_stream,
    send_whole,
)
from server.scheduling.job import AHEAD_SECONDS
from server.settings import Settings
from server.synthesis.synthesizer import Synthesizer
from server.text.dictionaries import Dictionaries
from server.text.emotions import EmotionTags
from server.text.lexicon import Lexicon, pronounced
from server.text.script import Script, ScriptParser
from server.utterance import Chunk, Listener, Pauses, Utterance, Voice, Word
from server.voices.catalogue import ALIASES

LONG_TEXT = 1000
"""The length in characters above which text is prepared in a thread: 5,000 take 3 ms, or 25 ms in Japanese."""
LONG_MARKDOWN = 200
"""The same for Markdown and for a text with pronunciations: hostile ones of 1,000 characters take 20 and 5 ms."""
GROWTH = 2
"""The most characters of a text with all that its pronunciations say, as a multiple of TTSCOPE_MAX_TEXT_CHARACTERS."""
SAMPLE_BYTES = np.dtype(np.float32).itemsize
"""The bytes per sample of audio that waits for the client of a stream."""
BASE64 = 4 / 3
"""Bytes of JSON per byte of audio."""
LARGE_BODY = 16 * 1024
"""The size in bytes above which a body is parsed in a thread: the slowest form takes 3 ms, or 30 ms for 256 KB."""


class SpeechRoute:
    """The handler of one dialect's speech requests."""

    def __init__(
        self,
        settings: Settings,
        synthesizer: Synthesizer,
        clients: Clients,
        dialect: Dialect,
        dictionaries: Dictionaries,
    ) -> None:
        self._dialect = dialect
        self._dictionaries = dictionaries
        self._settings = settings
        self._synthesizer = synthesizer
        self._clients = clients
        self._script_parser = ScriptParser(
            EmotionTags(settings.emotion_tags),
            Pauses(
                settings.paragraph_pause_seconds,
                settings.heading_pause_seconds,
                settings.item_pause_seconds,
                settings.cell_pause_seconds,
            ),
            settings.max_break_seconds,
        )
        self._limits = SendLimits(settings.send_seconds, settings.min_send_rate, settings.cache_header)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        record = request[RECORD]
        body = await self._dialect.read(request, self._settings.receive_seconds)
        record.mark_received()
        with record.stage(Stage.NORMALIZE):
            parse = partial(self._dialect.parse, request, body)
            synthesis_request = await asyncio.to_thread(parse) if len(body) > LARGE_BODY else parse()
            with renamed(self._dialect.names):
                utterance = await self._utterance(synthesis_request.speech)
        client = self._clients.key(request)
        listener = Listener(synthesis_request.speech.stream, client, get_current_span().get_span_context())
        fresh = not synthesis_request.speech.cache or wants_fresh(request)
        record.synthesis = Synthesis(utterance, listener, fresh)
        with (
            renamed(self._dialect.names),
            self._synthesizer.admit(client, self._size(synthesis_request, utterance)) as slot,
        ):
            delivery = Delivery(request, record, synthesis_request, slot, self._limits)
            async with aclosing(self._synthesizer.speak(record)) as chunks:
                return await self._answer(delivery, utterance, chunks)

    async def _answer(
        self, delivery: Delivery, utterance: Utterance, chunks: AsyncGenerator[Chunk, None]
    ) -> web.StreamResponse:
        """Encodes the audio and sends it in the form that the client requested."""
        record, synthesis_request = delivery.record, delivery.synthesis_request
        speech = synthesis_request.speech
        words: list[Word] = []
        if utterance.timed:
            chunks = _collecting(chunks, words)
        if speech.loudness is not None:
            chunks = levelled(chunks, speech.loudness, record)
        data = encoded(chunks, synthesis_request.format, record, whole=not speech.stream, artist=utterance.voice.name)
        return await _sender(synthesis_request, words)(delivery, data)

    def _size(self, synthesis_request: SynthesisRequest, utterance: Utterance) -> int:
        """Estimates the maximum unsent bytes of the response: the whole body, or for a stream the audio that is
        synthesized ahead of the client."""
        seconds, rate = self._synthesizer.estimate(utterance), utterance.voice.sample_rate
        if synthesis_request.speech.stream and synthesis_request.speech.loudness is None:
            return int(min(seconds, AHEAD_SECONDS) * rate * SAMPLE_BYTES)
        size = seconds * synthesis_request.format.byte_rate(rate)
        return int(size * BASE64) if synthesis_request.speech.timestamps else int(size)

    async def _utterance(self, speech: TtsRequest) -> Utterance:
        """Returns the utterance. Raises a SpeechError if the request is invalid, or unsupported by its voice."""
        voice = self._voice(speech.voice_name or self._settings.default_voice)
        language = _language(speech.language, voice)
        limit = self._settings.max_text_characters
        if len(speech.text) > limit:
            raise TextTooLong(f"the text has {len(speech.text)} characters; at most {limit} are allowed", param="text")
        parse = partial(self._read, speech, language)
        slow = speech.input_type == "markdown" or speech.pronunciations
        long = len(speech.text) > (LONG_MARKDOWN if slow else LONG_TEXT) or not self._dictionaries.prepared(language)
        script = await asyncio.to_thread(parse) if long else parse()
        utterance = Utterance(
            script.text,
            voice,
            language,
            script.words,
            len(script.text),
            speech.speed,
            script.passages,
            speech.timestamps,
            script.structural,
        )
        self._synthesizer.require(utterance)
        return utterance

    def _read(self, speech: TtsRequest, language: str) -> Script:
        """Returns the script of a text with its pronunciations. Raises the errors of ``ScriptParser.parse``, and
        TextTooLong."""
        script = self._script_parser.parse(speech.text, speech.input_type, language, speech.speed)
        own = Lexicon(speech.pronunciations, "pronunciation")
        script = pronounced(script, [own, self._dictionaries.lexicon(language)])
        limit = GROWTH * self._settings.max_text_characters
        if sum(passage.spoken_length for passage in script.passages) > limit:
            raise TextTooLong(f"with its pronunciations, the text has more than {limit} characters", param="text")
        return script

    def _voice(self, name: str) -> Voice:
        voices = self._synthesizer.voices()
        if name in ALIASES and name not in voices:
            name = self._settings.default_voice
        if name not in voices:
            raise UnknownVoice(f"there is no such voice; available: {', '.join(sorted(voices))}", param="voice_name")
        return voices[name]


def _sender(synthesis_request: SynthesisRequest, words: list[Word]) -> Send:
    """Returns the function that sends the form of response that the client requested."""
    if synthesis_request.events:
        return partial(send_events, words=words)
    if synthesis_request.speech.timestamps:
        return partial(send_captioned, words=words)
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


async def _collecting(chunks: AsyncGenerator[Chunk, None], words: list[Word]) -> AsyncGenerator[Chunk, None]:
    """Yields the chunks, and collects their words in ``words``."""
    async for chunk in chunks:
        words += chunk.words
        yield chunk


def _language(name: str | None, voice: Voice) -> str:
    if name is None:
        return voice.languages[0]
    if name.lower().replace("_", "-") not in voice.languages:
        raise UnsupportedLanguage(f"this voice speaks only {', '.join(voice.languages)}", param="language")
    return voice.languages[0]
