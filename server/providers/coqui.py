"""The local engine: Coqui VITS models on torch, fed step by step by the schedule."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from otel.contract.values import Stage
from server.engine.client import STALL_SECONDS, EngineProcess
from server.engine.running import RunningEngine
from server.engine.supervisor import EngineSupervisor
from server.errors import EngineFailed, ShuttingDown
from server.providers.error_mapping import as_ours
from server.providers.health_check import say_a_word
from server.providers.pace import WARM_UP, Pace, estimate, expect
from server.providers.provider import Load, Reports
from server.providers.reader import Piece, Reader
from server.providers.thread_pool import Crew
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.engine import EngineLost, Sentence
from server.scheduling.job import Job
from server.text.phonemes import Phonemizer
from server.text.reading import read
from server.text.script import script
from server.utterance import Ability, Chunk, Interval, Listener, Utterance, Voice
from server.voices.catalogue import InstalledVoice
from server.voices.errors import VoiceError

LANES = 2
"""Batches that a worker is given at a time, so that it need not wait for the next: between two steps a core is idle for
2.5 ms of 30 in an overload. A first audio then waits for one step more, so on a CPU it is done for crowds only."""
TEXT_THREADS = 2
"""That prepare texts: while one waits for the phonemes of a long text, the other prepares somebody else's."""
CROWD = 4
"""Requests that wait, for each core, from which on a core is given two."""

FIRST_LOAD_SECONDS = 900.0
"""For the first process to load all voices."""
LOAD_TIMES = 5.0
"""Times what that took is the time for a later process to load them, a minute at least."""
LEAST_LOAD_SECONDS = 60.0


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
        stall_seconds: float = STALL_SECONDS,
        log: logging.Logger,
    ) -> None:
        """``device`` is auto (CUDA where there is one), cpu, cuda or cuda:N; ``threads`` the cores to use on the CPU,
        None for all; ``max_audio_seconds`` the longest audio that one utterance may become; ``stall_seconds`` the time
        for one step of the engine, before its process is replaced."""
        self._installed = tuple(voices)
        self._device = device
        self._threads = threads or len(os.sched_getaffinity(0))
        self._max_audio_seconds = max_audio_seconds
        self._stall_seconds = stall_seconds
        self._load_seconds = FIRST_LOAD_SECONDS
        """The time for a process to load all voices."""
        self._log = log
        self._phonemizer = Phonemizer()
        self._loaded = self._installed
        """Those that could be loaded."""
        self._speakers: dict[str, Speaker] = {}
        self._supervisor: EngineSupervisor[RunningEngine] | None = None
        # Threads of its own: behind the models', a request would wait for others' audio before it can be refused.
        self._text_threads = Crew("text", TEXT_THREADS)

    def voices(self) -> tuple[Voice, ...]:
        """The voices at hand: those installed, and after ``start`` those of them that could be loaded."""
        return tuple(installed.voice for installed in self._loaded)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        running = self._running
        if running is None:
            return Load()
        dispatcher = running.dispatcher
        return Load(dispatcher.meter.rate, dispatcher.schedule.depth, dispatcher.schedule.audio_seconds)

    async def start(self, reports: Reports) -> None:
        """Loads every voice and speaks with it; one that fails is logged by name and left out. A process that is lost
        later is replaced.

        Raises EngineFailed when no voice is left, or the device does not exist.
        """
        supervisor = EngineSupervisor(partial(self._begin, reports), reports, self._log)
        await supervisor.start()
        self._supervisor = supervisor

    async def check(self) -> None:
        await say_a_word(self, self._loaded[0].voice)

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """The first chunk early for who listens as it comes, with the silence after each sentence.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        speaker = self._speakers.get(utterance.voice.name)
        running = self._running
        if running is None:
            raise EngineFailed("the speech engine is restarting")
        if speaker is None:
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

            async with aclosing(running.dispatcher.run(job)) as pieces:
                async for piece in pieces:
                    yield Chunk(piece.samples, rate, (*intervals, *piece.intervals), expected, said, piece.words)
                    intervals, expected, said = (), None, ""

    async def close(self) -> None:
        """Waits for the steps that are being taken; what is not finished fails with ShuttingDown."""
        if self._supervisor is not None:
            await self._supervisor.close(ShuttingDown("the server is shutting down"))
        await self._text_threads.close()

    @property
    def _running(self) -> RunningEngine | None:
        """The engine; None before there is one, and while it is replaced."""
        return self._supervisor.running if self._supervisor is not None else None

    def _read(self, speaker: Speaker, utterance: Utterance, submitted: int) -> Reading:
        """Runs in a text thread; ``submitted`` is when it was asked to, in ns."""
        text = script(utterance)
        read = tuple(speaker.reader.sentences(text, timed=utterance.timed))
        sentences = tuple(sentence for sentence, _ in read)
        seconds = tuple(speaker.pace.seconds(symbols, sentence.speed) for sentence, symbols in read)
        return Reading(sentences, seconds, text.said, Interval(Stage.PHONEMIZE, submitted, time.perf_counter_ns()))

    async def _begin(self, reports: Reports) -> RunningEngine:
        """A new process, with the voices loaded. Raises EngineFailed, and leaves no process behind then."""
        process = EngineProcess(self._stall_seconds)
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(self._load_seconds):
                kind = await process.start(self._device, self._threads, self._log.getEffectiveLevel())
                slowest = await self._load_all(process, kind, reports)
                await process.settle()
        except BaseException as error:
            lost = EngineLost("the engine's process was ended while it loaded")
            await process.kill(lost)
            if isinstance(error, TimeoutError):
                raise EngineFailed("the engine's process did not load in time") from error
            if isinstance(error, EngineLost):
                raise EngineFailed("the engine's process has ended while it loaded") from error
            if isinstance(error, OSError):  # no memory, handles or processes left
                raise EngineFailed("the engine's process could not be started") from error
            raise
        seconds = time.perf_counter() - begun
        self._load_seconds = min(self._load_seconds, max(LEAST_LOAD_SECONDS, LOAD_TIMES * seconds))
        cuda = kind == "cuda"
        cores = 1 if cuda else self._threads
        crowd = 0 if cuda else CROWD * cores
        dispatcher = Dispatcher(process, cores, lanes=LANES, cores=cores, crowd=crowd, observe=reports.batch)
        dispatcher.meter.presume(slowest)
        return RunningEngine(process, dispatcher)

    async def _load_all(self, process: EngineProcess, kind: str, reports: Reports) -> float:
        """Loads the voices, those that fail are logged and left out: the rate of the slowest, in seconds of audio in a
        second. Raises EngineFailed when none is left."""
        speakers, rates = {}, []
        for installed in self._installed:
            name = installed.voice.name
            begun = time.perf_counter()
            try:
                speakers[name], rate = await self._load(installed, process)
            except (EngineFailed, VoiceError):  # whatever is wrong with one voice, the others can still speak
                self._log.exception("the voice %s can't be loaded and is left out", name)
            else:
                rates.append(rate)
                seconds = time.perf_counter() - begun
                reports.loaded(name, seconds)
                self._log.info("the voice %s is loaded on %s in %.1f s", name, kind, seconds)
        if not speakers:
            raise EngineFailed("no voice could be loaded")
        self._speakers = speakers
        self._loaded = tuple(installed for installed in self._installed if installed.voice.name in speakers)
        return min(rates)

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
