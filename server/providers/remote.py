"""Another server that speaks: whoever answers OpenAI's POST /audio/speech, with its audio passed on as it comes."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from opentelemetry.trace import SpanContext, format_span_id, format_trace_id

from otel.contract.values import Stage
from server.audio.wav_reader import AudioUnreadable, PcmReader, WavReader
from server.errors import EngineFailed
from server.providers.health_check import known_word, listen
from server.providers.pace import estimate, expect
from server.providers.provider import Load, Reports
from server.providers.speech_client import Answer, SpeechClient
from server.providers.workload import Workload
from server.text.sentences import is_speakable
from server.utterance import Ability, Chunk, Interval, Listener, Samples, Utterance, Voice

PCM_RATE = 24_000
"""Hz, of OpenAI's format "pcm": 16 bits, little-endian, mono, without a header."""
LEAST_SECONDS = 0.1
"""Of audio in a chunk, so that a server that sends sample by sample costs no more than another; the last has less."""
MOST_SECONDS = 1.0
"""Of audio in a chunk: a piece that is easily encoded and sent in one go."""


@dataclass(frozen=True, slots=True)
class RemoteVoice:
    """A voice of ours that another server speaks with."""

    voice: Voice
    remote_name: str
    """What it is called there."""


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
        """``base_url`` is what stands before /audio/speech, such as http://host:8000/v1; ``key`` is sent as a bearer's.

        ``connect_seconds`` is the time for a connection; ``read_seconds`` for the answer's header, and again for each
        tenth of a second of audio; ``max_audio_seconds`` the longest audio of an answer. ``retries`` is how often a
        request is sent again that was refused before any audio; ``connections`` how many the server is given at once,
        others wait here.
        """
        self._voices = {voice.voice.name: voice for voice in voices}
        self._model = model
        self._format = response_format
        self._max_audio_seconds = max_audio_seconds
        self._read_seconds = read_seconds
        self._places = asyncio.Semaphore(connections)
        self._workload = Workload()
        self._untried = False
        """Whether speech has ended, well or not, since it last said a known word."""
        self._client = SpeechClient(
            base_url, key, connect_seconds=connect_seconds, read_seconds=read_seconds, retries=retries, log=log
        )

    def voices(self) -> tuple[Voice, ...]:
        return tuple(voice.voice for voice in self._voices.values())

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        return self._workload.load

    async def start(self, reports: Reports) -> None:
        """Asks nothing of the server yet. Raises EngineFailed for a base URL or key that no request can have."""
        self._client.start()

    async def check(self) -> None:
        """Asks for the list of models; after other speech for a known word too: a server that lists its models may fail
        to speak. The word waits for no other speech. Raises EngineFailed."""
        await self._client.check()
        if self._untried:
            word = known_word(next(iter(self._voices.values())).voice)
            await listen(word, self._say(word))
            self._untried = False

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """The audio as it comes, at the sample rate that it comes in.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``. The first two are decided
        here: a server that refuses what we let pass has failed.
        """
        body = self._body(utterance)
        sentences = [self.estimate(utterance)] if is_speakable(utterance.text) else []
        expected = expect(sentences, 0.0, self._max_audio_seconds)
        try:
            with self._workload.request(expected) as request:
                asked = time.perf_counter_ns()
                async with self._places:
                    request.begun()
                    start = time.perf_counter_ns()
                    intervals: tuple[Interval, ...] = (Interval(Stage.QUEUE, asked, start),)
                    async with self._client.speech(body, _traceparent(listener.origin)) as answer:
                        audio = _Audio(answer, self._format, self._read_seconds, self._max_audio_seconds)
                        while len(samples := await audio.next()):
                            waited = Interval(Stage.INFER, start, time.perf_counter_ns())
                            intervals = (*intervals, waited)
                            rate = audio.sample_rate
                            request.made(len(samples) / rate, waited.seconds)
                            for part in np.array_split(samples, math.ceil(len(samples) / (MOST_SECONDS * rate))):
                                yield Chunk(part, rate, intervals)
                                intervals = ()
                            start = time.perf_counter_ns()  # until now the chunks were in the caller's hands
        finally:
            self._untried = True

    async def close(self) -> None:
        """Hangs up; what is not finished fails with ShuttingDown."""
        await self._client.close()

    async def _say(self, word: Utterance) -> AsyncGenerator[Chunk, None]:
        """The audio of a word, out of turn. Raises EngineFailed."""
        async with self._client.speech(self._body(word), {}) as answer:
            audio = _Audio(answer, self._format, self._read_seconds, self._max_audio_seconds)
            while len(samples := await audio.next()):
                yield Chunk(samples, audio.sample_rate)

    def _body(self, utterance: Utterance) -> dict[str, object]:
        """What OpenAI's own server takes, and no more. Raises EngineFailed."""
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


class _Audio:
    """The audio of an answer, in stretches of LEAST_SECONDS or more."""

    def __init__(
        self, answer: Answer, response_format: Literal["wav", "pcm"], read_seconds: float, max_seconds: float
    ) -> None:
        """``read_seconds`` is the time for each stretch, ``max_seconds`` the longest audio."""
        self._answer = answer
        self._reader = PcmReader(PCM_RATE) if response_format == "pcm" else WavReader()
        self._read_seconds = read_seconds
        self._max_seconds = max_seconds
        self._patience = read_seconds + max_seconds
        """Seconds that are left to wait in all: who drips just fast enough for each stretch comes to an end too."""
        self._samples = 0
        self._ended = False

    @property
    def sample_rate(self) -> int:
        """Hz; known with the first samples."""
        return self._reader.sample_rate

    async def next(self) -> Samples:
        """Shape (samples,); fewer than LEAST_SECONDS at the end only, and none after it. Raises EngineFailed."""
        clock = asyncio.get_running_loop().time
        begun = clock()
        deadline = begun + min(self._read_seconds, self._patience)
        pieces: list[Samples] = []
        count = 0
        try:
            while not self._ended and (not count or count < LEAST_SECONDS * self.sample_rate):
                pieces.append(await self._more(deadline))
                count += len(pieces[-1])
        except AudioUnreadable as error:
            raise EngineFailed(f"the remote server's answer can't be played: {error}") from None
        self._patience -= clock() - begun
        return np.concatenate(pieces) if pieces else np.empty(0, np.float32)

    async def _more(self, deadline: float) -> Samples:
        """Whatever comes next; perhaps no whole sample. Raises AudioUnreadable and EngineFailed."""
        piece = await self._answer.read(deadline)
        samples = self._reader.feed(piece)
        self._samples += len(samples)
        self._ended = not piece or self._reader.done
        if self._ended:
            self._reader.end()
            if not self._samples:
                raise AudioUnreadable("there is no audio in it")
        if self._samples and self._samples > self._max_seconds * self.sample_rate:
            raise EngineFailed(f"the remote server's answer is longer than {self._max_seconds:.0f} s")
        return samples


def _traceparent(origin: object) -> dict[str, str]:
    """The header by which the server there continues the trace. Source: W3C Trace Context, section 3.2."""
    if not isinstance(origin, SpanContext) or not origin.is_valid:
        return {}
    trace, span = format_trace_id(origin.trace_id), format_span_id(origin.span_id)
    return {"traceparent": f"00-{trace}-{span}-{origin.trace_flags:02x}"}
