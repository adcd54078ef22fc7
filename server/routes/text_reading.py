"""POST /v1/text/read: how a text is read, without speaking it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Container, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from aiohttp import web

from otel.contract.ranges import CHARACTERS, WORDS
from server.access.caller import Scope, caller_of
from server.access.clients import Clients
from server.errors import QueueFull
from server.providers.pace import characters_as_long
from server.routes.operations import FAILURE, error, json_body
from server.routes.requests import JSON, parse_tts, read_json
from server.routes.route import Route
from server.routes.schemas import NUMBER, TEXT, WHOLE, each, maybe, several
from server.routes.utterances import UtteranceParser, parsed
from server.synthesis.shares import Shares
from server.synthesis.synthesizer import Synthesizer
from server.text.languages import primary
from server.text.nearest_phonemes import missing
from server.text.phonemes import EspeakVoices
from server.text.script import Script, Span
from server.text.source_reading import SentenceReading, SourceReading, read_source
from server.utterance import Utterance

PATH = "/v1/text/read"
MOST_READINGS = 16
"""The maximum readings at a time, waiting ones included."""
MOST_OF_CLIENT = 4
"""The same for one client, so that it leaves room for others."""
RETRY_SECONDS = 1

_STRETCH = each(
    written=TEXT, start=maybe("integer"), stop=maybe("integer"), spoken=TEXT, phonemes=maybe("string"),
    rule=maybe("string"), language=TEXT, missing_phonemes=several(TEXT),
)  # fmt: skip
_READING = each(
    language=TEXT,
    languages=several(TEXT),
    words=WHOLE,
    word_count_range=TEXT,
    characters=WHOLE,
    character_count_range=TEXT,
    estimated_seconds=NUMBER,
    sentences=several(
        each(stretches=several(_STRETCH), pause_seconds=NUMBER, language=TEXT, unsupported_language=maybe("string"))
    ),
    skipped=several(each(start=WHOLE, stop=WHOLE, reason=TEXT)),
)
_OPERATION = {
    "summary": "Tell how a text is read, without speaking it. Of the body of POST /tts, text, voice_name, "
    "language, speed, input_type and pronunciations matter.",
    "requestBody": json_body("TtsRequest"),
    "responses": {
        "200": {"description": "How the text is read.", "content": {JSON: {"schema": _READING}}},
        "default": error(FAILURE),
    },
}


class TextReadingRoute:
    """The route that tells how a text is read.

    A dedicated thread reads, one text at a time: so readings use one of espeak's processes at most, and speech has the
    others.
    """

    def __init__(
        self, utterances: UtteranceParser, synthesizer: Synthesizer, clients: Clients, receive_seconds: float
    ) -> None:
        """``receive_seconds`` is the timeout for a body."""
        self._utterances = utterances
        self._synthesizer = synthesizer
        self._clients = clients
        self._receive_seconds = receive_seconds
        self._readings = Shares()
        self._espeak = EspeakVoices()
        self._thread = ThreadPoolExecutor(1, "readings")

    def routes(self) -> tuple[Route, ...]:
        return (Route("POST", PATH, self.read, Scope.SPEAK, _OPERATION),)

    async def read(self, request: web.Request) -> web.Response:
        """Responds with the reading. Raises the errors of POST /tts for the same text."""
        caller = caller_of(request)
        body = await read_json(request, self._receive_seconds)
        with self._place(self._clients.key(request)):
            utterance, script = await self._utterances.parse(await parsed(parse_tts, body), caller)
            self._synthesizer.check_ready()
            answer = await asyncio.get_running_loop().run_in_executor(
                self._thread, self._answer, utterance, script, caller.tenant
            )
        return web.Response(text=answer, content_type=JSON)

    @contextmanager
    def _place(self, client: str) -> Iterator[None]:
        """Holds a place for a reading. Raises QueueFull if all are taken, or all of this client's."""
        if self._readings.total >= MOST_READINGS or self._readings.of(client) >= MOST_OF_CLIENT:
            raise QueueFull(
                f"{MOST_READINGS} texts are read at a time, {MOST_OF_CLIENT} from each client; try again later",
                retry_after=RETRY_SECONDS,
            )
        self._readings.take(client, 1)
        try:
            yield
        finally:
            self._readings.take(client, -1)

    def _answer(self, utterance: Utterance, script: Script, tenant: str) -> str:
        """Returns the body of the answer. Raises UnspeakableText and EngineFailed."""
        codes = [code for code in utterance.voice.languages if primary(code) == primary(utterance.language)]
        accent = max(codes, key=len)  # en-us of en, en-us: its model was trained with that
        reading = read_source(script, utterance.language, utterance.speed, self._espeak.phonemize(accent, tenant))
        characters = sum(characters_as_long(sentence.length, sentence.speed) for sentence in reading.sentences)
        seconds = self._synthesizer.estimate(replace(utterance, characters=round(characters), speed=1.0))
        phonemes = self._synthesizer.phonemes(utterance.voice)
        return json.dumps(describe(reading, utterance, seconds + reading.silence, phonemes), ensure_ascii=False)


def describe(
    reading: SourceReading, utterance: Utterance, seconds: float, phonemes: Container[str] | None = None
) -> dict[str, Any]:
    """Returns the answer's fields; ``seconds`` is the estimated audio, and ``phonemes`` are those that the voice can
    make, if it takes any."""
    return {
        "language": utterance.main_language,
        "languages": list(utterance.languages),
        "words": utterance.words,
        "word_count_range": WORDS.label(utterance.words),
        "characters": utterance.characters,
        "character_count_range": CHARACTERS.label(utterance.characters),
        "estimated_seconds": round(seconds, 1),
        "sentences": [_sentence(sentence, phonemes) for sentence in reading.sentences],
        "skipped": [{**_range(span), "reason": reason} for span, reason in reading.omissions],
    }


def _sentence(sentence: SentenceReading, phonemes: Container[str] | None) -> dict[str, Any]:
    stretches = [
        {
            "written": stretch.written,
            **_range(stretch.span),
            "spoken": stretch.spoken,
            "phonemes": stretch.phonemes,
            "rule": stretch.rule,
            "language": stretch.language,
            "missing_phonemes": missing(stretch.phonemes, phonemes) if stretch.phonemes and phonemes else [],
        }
        for stretch in sentence.stretches
    ]
    return {
        "stretches": stretches,
        "pause_seconds": round(sentence.pause, 3),
        "language": sentence.language,
        "unsupported_language": sentence.unsupported_language or None,
    }


def _range(span: Span | None) -> dict[str, int | None]:
    return {"start": span.start if span else None, "stop": span.stop if span else None}
