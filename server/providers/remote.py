"""Speaks by another server's POST /audio/speech (OpenAI's API), and passes its audio on as it arrives."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from otel.contract.values import Stage
from server.audio.wav_reader import AudioUnreadable, PcmReader, WavReader
from server.errors import EngineFailed
from server.providers.health_check import check_audio, known_word
from server.providers.load_tracker import LoadTracker
from server.providers.pace import estimate, expect
from server.providers.provider import Load, Reports
from server.providers.speech_client import SpeechClient, SpeechResponse
from server.text.sentences import is_speakable
from server.utterance import Ability, Chunk, Interval, Listener, Samples, Utterance, Voice

PCM_RATE = 24_000
"""The sample rate in Hz of OpenAI's format "pcm": 16 bits, little-endian, mono, without a header."""
LEAST_SECONDS = 0.1
"""The least seconds of audio in a chunk, except the last one, so that a server that sends single samples costs no more
than another."""
MAX_SECONDS = 1.0
"""The most seconds of audio in a chunk, which is encoded and sent at once."""


@dataclass(frozen=True, slots=True)
class RemoteVoice:
    """A voice of another server."""

    voice: Voice
    remote_name: str
    """The voice's name on that server."""


class RemoteProvider:
    """Speaks with the voices of another server; see server.providers.provider.Provider."""

    name = "remote"
    abilities: frozenset[Ability] = frozenset()

    def __init__(
        self,
        voices: Iterable[RemoteVoice],
        *,
        base_url: str,
        key: str | None,
        model: str,
        response_format: Literal["wav", "pcm"],
        max_audio_seconds: float,
        log: logging.Logger,
        connect_seconds: float = 2.0,
        read_seconds: float = 30.0,
        retries: int = 1,
        connections: int = 32,
    ) -> None:
        """``base_url`` is the URL before /audio/speech, such as http://host:8000/v1; ``key`` is sent as a bearer token.

        ``connect_seconds`` is the timeout of a connection; ``read_seconds`` is the timeout of the response's header,
        and of each tenth of a second of audio. ``max_audio_seconds`` limits the audio of a response. ``retries`` is how
        often a request that was refused before any audio is retried. ``connections`` limits concurrent requests to the
        server; others wait here.
        """
        self._voices = {voice.voice.name: voice for voice in voices}
        self._model = model
        self._format = response_format
        self._max_audio_seconds = max_audio_seconds
        self._read_seconds = read_seconds
        self._connections = asyncio.Semaphore(connections)
        self._tracker = LoadTracker()
        self._spoken_since_check = False
        """Whether other speech has ended, successfully or not, since the last check with a known word."""
        self._client = SpeechClient(
            base_url, key, connect_seconds=connect_seconds, read_seconds=read_seconds, retries=retries, log=log
        )

    def voices(self) -> tuple[Voice, ...]:
        return tuple(voice.voice for voice in self._voices.values())

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return replace(self._tracker.load, device="remote")

    async def start(self, reports: Reports) -> None:
        """Prepares the client and sends no request. Raises EngineFailed for an invalid base URL or key."""
        self._client.start()

    async def check(self) -> None:
        """Requests the list of models and, after other speech, a known word too. Raises EngineFailed.

        A server that lists its models may still fail to speak. The word does not wait for a free connection.
        """
        await self._client.check()
        if self._spoken_since_check:
            word = known_word(next(iter(self._voices.values())).voice)
            await check_audio(word, self._speak_word(word))
            self._spoken_since_check = False

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields the audio as it arrives, at the other server's sample rate.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``. The first two are decided
        here; if the server refuses a text that passes these checks, it has failed.
        """
        body = self._body(utterance)
        sentences = [self.estimate(utterance)] if is_speakable(utterance.text) else []
        expected = expect(sentences, 0.0, self._max_audio_seconds)
        try:
            with self._tracker.request(expected) as request:
                submitted = time.perf_counter_ns()
                async with self._connections:
                    request.begin()
                    start = time.perf_counter_ns()
                    intervals: tuple[Interval, ...] = (Interval(Stage.QUEUE, submitted, start),)
                    async with self._client.speech(body, _traceparent(listener.origin)) as response:
                        audio = _AudioStream(response, self._format, self._read_seconds, self._max_audio_seconds)
                        while len(samples := await audio.next()):
                            waited = Interval(Stage.INFER, start, time.perf_counter_ns(), device=None)
                            intervals = (*intervals, waited)
                            rate = audio.sample_rate
                            request.add(len(samples) / rate, waited.seconds)
                            for stretch in np.array_split(samples, math.ceil(len(samples) / (MAX_SECONDS * rate))):
                                yield Chunk(stretch, rate, intervals)
                                intervals = ()
                            start = time.perf_counter_ns()  # the time until now was the caller's
        finally:
            self._spoken_since_check = True

    async def close(self) -> None:
        """Closes the connections; unfinished requests fail with ShuttingDown."""
        await self._client.close()

    async def _speak_word(self, word: Utterance) -> AsyncGenerator[Chunk, None]:
        """Yields the audio of a word without waiting for a free connection. Raises EngineFailed."""
        async with self._client.speech(self._body(word), {}) as response:
            audio = _AudioStream(response, self._format, self._read_seconds, self._max_audio_seconds)
            while len(samples := await audio.next()):
                yield Chunk(samples, audio.sample_rate)

    def _body(self, utterance: Utterance) -> dict[str, object]:
        """Returns the request body, with only the fields that OpenAI's server accepts. Raises EngineFailed."""
        voice = self._voices.get(utterance.voice.name)
        if voice is None:
            raise EngineFailed("the remote server does not have this voice")
        return {
            "model": self._model,
            "input": utterance.text,
            "voice": voice.remote_name,
            "response_format": self._format,
            "speed": utterance.speed,
        }


class _AudioStream:
    """The audio of a response, in pieces of LEAST_SECONDS or more."""

    def __init__(
        self, response: SpeechResponse, response_format: Literal["wav", "pcm"], read_seconds: float, max_seconds: float
    ) -> None:
        """``read_seconds`` is the timeout of each piece; ``max_seconds`` limits the audio."""
        self._response = response
        self._reader = PcmReader(PCM_RATE) if response_format == "pcm" else WavReader()
        self._read_seconds = read_seconds
        self._max_seconds = max_seconds
        self._wait_budget = read_seconds + max_seconds
        """Seconds left to wait in total, which stops a server that sends each piece just in time."""
        self._samples = 0
        self._ended = False

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz, known with the first samples."""
        return self._reader.sample_rate

    async def next(self) -> Samples:
        """Returns the next samples, shape (samples,): shorter than LEAST_SECONDS only at the end, and empty after it.

        Raises EngineFailed.
        """
        clock = asyncio.get_running_loop().time
        start = clock()
        deadline = start + min(self._read_seconds, self._wait_budget)
        pieces: list[Samples] = []
        count = 0
        try:
            while not self._ended and (not count or count < LEAST_SECONDS * self.sample_rate):
                pieces.append(await self._more(deadline))
                count += len(pieces[-1])
        except AudioUnreadable as error:
            raise EngineFailed(f"the remote server's answer can't be played: {error}") from None
        self._wait_budget -= clock() - start
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)

    async def _more(self, deadline: float) -> Samples:
        """Returns the next samples, possibly none yet. Raises AudioUnreadable and EngineFailed."""
        piece = await self._response.read(deadline)
        samples = self._reader.feed(piece)
        self._samples += len(samples)
        self._ended = not piece or self._reader.complete
        if self._ended:
            self._reader.end()
            if not self._samples:
                raise AudioUnreadable("there is no audio in it")
        if self._samples and self._samples > self._max_seconds * self.sample_rate:
            raise EngineFailed(f"the remote server's answer is longer than {self._max_seconds:.0f} s")
        return samples


def _traceparent(origin: object) -> dict[str, str]:
    """Returns the header with which the other server continues the trace (W3C Trace Context, section 3.2)."""
    if not isinstance(origin, SpanContext) or not origin.is_valid:
        return {}
    trace, span = format_trace_id(origin.trace_id), format_span_id(origin.span_id)
    return {"traceparent": f"00-{trace}-{span}-{origin.trace_flags:02x}"}
