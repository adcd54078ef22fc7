"""POST /tts and OpenAI's POST /v1/audio/speech: text in, speech out, whole or as it is made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import partial

from aiohttp import web
from opentelemetry.trace import get_current_span

from server.audio import wav
from server.errors import EngineFailed, InvalidMarkup, TextTooLong, UnknownVoice, UnsupportedLanguage
from server.middleware.envelope import OBSERVATION, RESPONSE
from server.observation import Observation
from server.routes.requests import TtsRequest, parse_tts, read_json, wants_fresh
from server.scheduling.admission import Admission
from server.settings import Settings
from server.speech import Chunk, Listener, Passage, Stage, Utterance, Voice
from server.synthesizer import Synthesizer
from server.text import ssml
from server.text.counts import count_words
from server.text.normalize import check, normalize

PATH = "/tts"
OPENAI_PATH = "/v1/audio/speech"
PIECE_BYTES = 64 * 1024
"""Audio is handed to the connection in pieces of this size; a client has its time for each."""
Encoded = tuple[bytes, int]
"""Audio, and its sample rate in Hz."""
LONG_TEXT = 1000
"""Characters past which a text is prepared in a thread: 5,000 take 3 ms, of Japanese 25 ms."""


class SpeechRoute:
    """The handler of a call that speaks."""

    def __init__(
        self,
        settings: Settings,
        synthesizer: Synthesizer,
        admission: Admission,
        parse: Callable[[bytes], TtsRequest] = parse_tts,
    ) -> None:
        """``parse`` reads the call's body."""
        self._parse = parse
        self._settings = settings
        self._synthesizer = synthesizer
        self._admission = admission

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        observation = request[OBSERVATION]
        body = await read_json(request, self._settings.receive_seconds)
        observation.mark_received()
        with observation.stage(Stage.NORMALIZE):
            wanted = self._parse(body)
            utterance = await self._utterance(wanted)
        observation.utterance = utterance
        observation.streamed = wanted.stream
        listener = Listener(wanted.stream, request.remote or "", get_current_span().get_span_context())
        fresh = not wanted.cache or wants_fresh(request)
        with self._admission.visit():
            async with aclosing(self._synthesizer.speak(utterance, observation, listener, fresh=fresh)) as chunks:
                send = self._send_stream if wanted.stream else self._send_whole
                return await send(request, observation, _encoded(chunks, observation))

    async def _utterance(self, wanted: TtsRequest) -> Utterance:
        """Raises the error that says what is wrong with the request, or wrong for this voice."""
        voice = self._voice(wanted.voice_name or self._settings.default_voice)
        language = _language(wanted.language, voice)
        limit = self._settings.max_text_characters
        if len(wanted.text) > limit:
            raise TextTooLong(f"text has {len(wanted.text)} characters; at most {limit} are allowed", param="text")
        prepare = partial(_prepare, wanted, language, self._settings.max_break_seconds)
        text, words, passages = await asyncio.to_thread(prepare) if len(wanted.text) > LONG_TEXT else prepare()
        utterance = Utterance(text, voice, language, words, len(text), wanted.speed, passages)
        self._synthesizer.require(utterance)
        return utterance

    def _voice(self, name: str) -> Voice:
        voices = self._synthesizer.voices()
        if name not in voices:
            raise UnknownVoice(f"there is no such voice; there are {', '.join(sorted(voices))}", param="voice_name")
        return voices[name]

    async def _send_whole(
        self, request: web.Request, observation: Observation, encoded: AsyncGenerator[Encoded, None]
    ) -> web.StreamResponse:
        parts, rate = [], 0
        async for part, rate in encoded:  # noqa: B007 - the rate is that of the last part, and of all others
            parts.append(part)
        if not parts:
            raise EngineFailed("the speech engine made no audio")
        observation.mark_ready()
        data_bytes = sum(map(len, parts))
        response = _response(request, observation)
        response.content_length = wav.HEADER_BYTES + data_bytes
        await response.prepare(request)
        with observation.stage(Stage.SEND):
            for part in (wav.header(rate, data_bytes), *parts):
                await self._write(response, part)
            await self._end(response)
        return response

    async def _send_stream(
        self, request: web.Request, observation: Observation, encoded: AsyncGenerator[Encoded, None]
    ) -> web.StreamResponse:
        response: web.StreamResponse | None = None
        async for part, rate in encoded:
            observation.mark_first_audio()
            if response is None:
                response = _response(request, observation)
                await response.prepare(request)
                part = wav.header(rate, None) + part  # noqa: PLW2901 - the header leads the first part
            with observation.stage(Stage.SEND):
                await self._write(response, part)
        if response is None:
            raise EngineFailed("the speech engine made no audio")
        observation.mark_ready()
        with observation.stage(Stage.SEND):
            await self._end(response)
        return response

    async def _write(self, response: web.StreamResponse, data: bytes) -> None:
        """Raises TimeoutError when the client does not take the audio, ConnectionError when it has left."""
        view = memoryview(data)
        for start in range(0, len(view), PIECE_BYTES):
            async with asyncio.timeout(self._settings.send_seconds):
                await response.write(view[start : start + PIECE_BYTES])

    async def _end(self, response: web.StreamResponse) -> None:
        async with asyncio.timeout(self._settings.send_seconds):
            await response.write_eof()


def _prepare(wanted: TtsRequest, language: str, most_seconds: float) -> tuple[str, int, tuple[Passage, ...]]:
    """The text that the client wants to be spoken, without tags and markup; its number of words; the markup."""
    check(wanted.text)
    if wanted.input_type == "text":
        if ssml.looks_like_ssml(wanted.text):
            raise InvalidMarkup('the text is SSML: ask for it with "input_type": "ssml"', param="input_type")
        spoken = normalize(wanted.text)
        return spoken, count_words(spoken), ()
    passages = ssml.parse(wanted.text, language, most_seconds)
    spoken = normalize(" ".join(passage.text for passage in passages))
    return spoken, count_words(spoken), passages


def _language(wanted: str | None, voice: Voice) -> str:
    if wanted is None:
        return voice.languages[0]
    if wanted.lower().replace("_", "-") not in voice.languages:
        raise UnsupportedLanguage(f"this voice speaks {', '.join(voice.languages)}", param="language")
    return voice.languages[0]


async def _encoded(chunks: AsyncGenerator[Chunk, None], observation: Observation) -> AsyncGenerator[Encoded, None]:
    async for chunk in chunks:
        with observation.stage(Stage.ENCODE):
            part = wav.pcm16(chunk.samples)
        yield part, chunk.sample_rate


def _response(request: web.Request, observation: Observation) -> web.StreamResponse:
    response = web.StreamResponse(
        headers={
            "Content-Type": wav.CONTENT_TYPE,
            "X-TTS-Provider": observation.provider,
            "X-TTS-Cache": str(observation.cache),
            "X-TTS-Word-Count-Range": observation.word_count_range,
            "X-TTS-Character-Count-Range": observation.char_count_range,
        }
    )
    request[RESPONSE] = response
    return response
