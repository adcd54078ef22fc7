"""The local engine: Coqui VITS models on torch, fed step by step by the schedule."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from server.engine.process import EngineProcess
from server.errors import EngineFailed, ShuttingDown
from server.providers.crew import Crew
from server.providers.failures import as_ours
from server.providers.pace import WARM_UP, Pace, estimate, expect
from server.providers.provider import Load, Reports
from server.providers.reader import Piece, Reader
from server.providers.word import say_a_word
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.job import Job
from server.scheduling.steps import EngineLost, Sentence
from server.speech import Ability, Chunk, Interval, Listener, Stage, Utterance, Voice
from server.text.phonemes import Phonemizer
from server.text.reading import read
from server.text.script import script
from server.voices.catalogue import InstalledVoice
from server.voices.errors import VoiceError

LANES = 2
"""Batches that a worker is given at a time, so that it need not wait for the next: between two steps a core is idle for
2.5 ms of 30 in an overload. A first audio then waits for one step more, so on a CPU it is done for crowds only."""
TEXT_THREADS = 2
"""That prepare texts: while one waits for the phonemes of a long text, the other prepares somebody else's."""
CROWD = 4
"""Requests that wait, for each core, from which on a core is given two."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A loaded voice."""

    reader: Reader
    pace: Pace


@dataclass(frozen=True, slots=True)
class Reading:
    """A text as its model reads it."""

    sentences: tuple[Sentence, ...]
    seconds: tuple[float, ...]
    """Of audio that each is expected to become, without silence."""
    said: str
    """In words."""
    interval: Interval


class CoquiProvider:
    """Speaks with the voices of a catalogue; see server.providers.provider.Provider."""

    name = "coqui"
    abilities = frozenset({Ability.MARKUP, Ability.WORD_TIMES})

    def __init__(
        self,
        voices: Iterable[InstalledVoice],
        *,
        device: str,
        threads: int | None,
        max_audio_seconds: float,
        log: logging.Logger,
    ) -> None:
        """``device`` is auto (CUDA where there is one), cpu, cuda or cuda:N; ``threads`` the cores to use on the CPU,
        None for all; ``max_audio_seconds`` the longest audio that one utterance may become."""
        self._installed = tuple(voices)
        self._device = device
        self._threads = threads or len(os.sched_getaffinity(0))
        self._max_audio_seconds = max_audio_seconds
        self._log = log
        self._phonemizer = Phonemizer()
        self._speakers: dict[str, Speaker] = {}
        self._engine: EngineProcess | None = None
        self._dispatcher: Dispatcher | None = None
        # Threads of its own: behind the models', a request would wait for others' audio before it can be refused.
        self._text_threads = Crew("text", TEXT_THREADS)

    def voices(self) -> tuple[Voice, ...]:
        """The voices at hand: those installed, and after ``start`` those of them that could be loaded."""
        return tuple(installed.voice for installed in self._installed)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        if self._dispatcher is None:
            return Load()
        schedule = self._dispatcher.schedule
        return Load(self._dispatcher.meter.rate, schedule.depth, schedule.audio_seconds)

    async def start(self, reports: Reports) -> None:
        """Loads every voice and speaks with it; one that fails is logged by name and left out.

        Raises EngineFailed when none is left, or the device does not exist.
        """
        engine = self._engine = EngineProcess()
        try:
            kind = await engine.start(self._device, self._threads, self._log.getEffectiveLevel())
            rates = []
            for installed in self._installed:
                name = installed.voice.name
                begun = time.perf_counter()
                try:
                    self._speakers[name], rate = await self._load(installed, engine)
                except (EngineFailed, VoiceError):  # whatever is wrong with one voice, the others can still speak
                    self._installed = tuple(other for other in self._installed if other is not installed)
                    self._log.exception("the voice %s can't be loaded and is left out", name)
                else:
                    rates.append(rate)
                    seconds = time.perf_counter() - begun
                    reports.loaded(name, seconds)
                    self._log.info("the voice %s is loaded on %s in %.1f s", name, kind, seconds)
            if not self._speakers:
                raise EngineFailed("no voice could be loaded")
            await engine.settle()
        except EngineLost as error:
            raise EngineFailed("the engine's process has ended while it loaded") from error
        cuda = kind == "cuda"
        cores = 1 if cuda else self._threads
        crowd = 0 if cuda else CROWD * cores
        dispatcher = Dispatcher(engine, cores, lanes=LANES, cores=cores, crowd=crowd, observe=reports.batch)
        dispatcher.meter.presume(min(rates))
        dispatcher.start()
        engine.lost.add_done_callback(lambda lost: None if lost.cancelled() else dispatcher.give_up(lost.result()))
        dispatcher.lost.add_done_callback(lambda lost: None if lost.cancelled() else reports.lost(lost.result()))
        self._dispatcher = dispatcher

    async def check(self) -> None:
        await say_a_word(self, self._installed[0].voice)

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """The first chunk early for who listens as it comes, with the silence after each sentence.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        speaker = self._speakers.get(utterance.voice.name)
        if speaker is None or self._dispatcher is None:
            raise EngineFailed("this voice is not loaded")
        rate = utterance.voice.sample_rate
        with as_ours():
            submitted = time.perf_counter_ns()
            reading = (await self._text_threads.run(lambda: self._read(speaker, utterance, submitted))).result
            silence = sum(sentence.silence for sentence in reading.sentences)
            expected: float | None = expect(reading.seconds, silence, self._max_audio_seconds)
            said = reading.said
            intervals: tuple[Interval, ...] = (reading.interval,)

            def job(changed: Callable[[], None]) -> Job:
                return Job(
                    reading.sentences,
                    reading.seconds,
                    rate,
                    streamed=listener.streamed,
                    client=listener.client,
                    origin=listener.origin,
                    changed=changed,
                )

            async with aclosing(self._dispatcher.run(job)) as pieces:
                async for piece in pieces:
                    yield Chunk(piece.samples, rate, (*intervals, *piece.intervals), expected, said, piece.words)
                    intervals, expected, said = (), None, ""

    async def close(self) -> None:
        """Waits for the steps that are being taken; what is not finished fails with ShuttingDown."""
        await self._text_threads.close()
        if self._dispatcher is not None:
            await self._dispatcher.close(ShuttingDown("the server is shutting down"))
        if self._engine is not None:
            await self._engine.close()

    def _read(self, speaker: Speaker, utterance: Utterance, submitted: int) -> Reading:
        """Runs in a text thread; ``submitted`` is when it was asked to, in ns."""
        text = script(utterance)
        read = tuple(speaker.reader.sentences(text, timed=utterance.timed))
        sentences = tuple(sentence for sentence, _ in read)
        seconds = tuple(speaker.pace.seconds(symbols, sentence.speed) for sentence, symbols in read)
        return Reading(sentences, seconds, text.said, Interval(Stage.PHONEMIZE, submitted, time.perf_counter_ns()))

    async def _load(self, installed: InstalledVoice, engine: EngineProcess) -> tuple[Speaker, float]:
        """The voice, and how many seconds of audio it makes in a second. Raises VoiceError or EngineFailed."""
        voice = installed.voice
        loaded = await engine.load(voice.name, installed.config, installed.model)
        if loaded.sample_rate != voice.sample_rate:
            raise VoiceError(installed.config, f"has {loaded.sample_rate} Hz, not {voice.sample_rate} Hz")
        reader = Reader(installed, loaded.vocabulary, self._phonemizer)
        timed = []
        for text in WARM_UP:
            pieces = (await self._text_threads.run(partial(_pieces, reader, text, voice.languages[0]))).result
            seconds = [await engine.seconds(voice.name, piece.ids) for piece in pieces]
            timed.append((sum(piece.symbols for piece in pieces), sum(seconds)))
        finished = await engine.finish(voice.name, pieces[0].ids)
        self._log.info("the voice %s is decoded in %s", voice.name, finished.dtype)
        return Speaker(reader, Pace.measured(*timed)), finished.rate


def _pieces(reader: Reader, text: str, language: str) -> list[Piece]:
    return [piece for pieces in reader.lines(read(text, language)) for piece in pieces]
