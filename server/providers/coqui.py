"""The local engine: Coqui VITS models on torch, run step by step by the scheduler."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from otel.contract.values import Device, Stage
from server.engine.client import STALL_SECONDS, EngineClient
from server.engine.running import RunningEngine
from server.engine.supervisor import EngineSupervisor
from server.errors import EngineFailed, ShuttingDown, VoiceError
from server.providers.coqui_reader import CoquiReader, EncodedPhrase
from server.providers.health_check import check_speech
from server.providers.pace import WARM_UP, Pace, estimate, expect
from server.providers.provider import Load, Reports
from server.providers.threads import ThreadPool, map_errors
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.engine import EngineLost, Sentence
from server.scheduling.job import Job
from server.seeds import Arithmetic, has_short_windows
from server.text.phonemes import Phonemizer, require_symbols
from server.text.reading import read_text, read_utterance
from server.utterance import Ability, Chunk, Interval, Listener, Utterance, Voice
from server.voices.catalogue import InstalledVoice
from server.voices.manifest import CHARACTERS

BATCHES_IN_FLIGHT = 2
"""The most batches in flight per worker, so that it need not wait for the next one: in an overload a core is otherwise
idle for 2.5 ms of 30 between two steps. A second batch delays first audio by one step, so on a CPU a worker gets it
only while many requests wait."""
BUSY_DEPTH_PER_CORE = 4
"""The number of waiting requests per core from which a core gets a second batch."""
TEXT_THREADS = 2
"""Threads that prepare texts: while one waits for the phonemes of a long text, the other prepares other texts."""

FIRST_LOAD_SECONDS = 900.0
"""Timeout for the first process to load all voices."""
LOAD_TIMES = 5.0
"""Timeout for a later process, as a multiple of the last load time; at least LEAST_LOAD_SECONDS."""
LEAST_LOAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class CoquiVoice:
    """A loaded voice."""

    reader: CoquiReader
    pace: Pace
    arithmetic: Arithmetic


@dataclass(frozen=True, slots=True)
class PreparedText:
    """A text, encoded for its model."""

    sentences: tuple[Sentence, ...]
    seconds: tuple[float, ...]
    """The expected seconds of audio of each sentence, without silence."""
    spoken_text: str
    interval: Interval


class CoquiProvider:
    """Speaks with the voices of a catalogue; see server.providers.provider.Provider."""

    name = "coqui"
    abilities = frozenset({Ability.MARKUP, Ability.WORD_TIMES, Ability.PHONEMES, Ability.LANGUAGES, Ability.SEED})

    def __init__(
        self,
        voices: Iterable[InstalledVoice],
        *,
        device: str,
        threads: int | None,
        max_audio_seconds: float,
        stall_seconds: float = STALL_SECONDS,
        number_format: str = "auto",
        log: logging.Logger,
    ) -> None:
        """``device`` is auto (CUDA if available), cpu, cuda or cuda:N. ``threads`` is the number of cores to use on the
        CPU, None for all. ``max_audio_seconds`` limits the audio of one utterance. ``stall_seconds`` is the timeout of
        one engine step, after which its process is replaced. ``number_format`` is that of TTSCOPE_NUMBER_FORMAT."""
        self._installed = tuple(voices)
        self._device = device
        self._device_type = "cpu"
        """The type of the device that the engine has found."""
        self._threads = threads or len(os.sched_getaffinity(0))
        self._max_audio_seconds = max_audio_seconds
        self._stall_seconds = stall_seconds
        self._number_format = number_format
        self._load_seconds = FIRST_LOAD_SECONDS
        """Timeout for the next process to load all voices."""
        self._log = log
        self._phonemizer = Phonemizer()
        self._available = self._installed
        """The voices that were loaded."""
        self._voices: dict[str, CoquiVoice] = {}
        self._supervisor: EngineSupervisor[RunningEngine] | None = None
        # Texts are prepared in their own threads: in those of the models, a request would wait for the audio of others
        # before it could be refused.
        self._text_threads = ThreadPool("text", TEXT_THREADS)

    def voices(self) -> tuple[Voice, ...]:
        """Returns the installed voices; after ``start`` only those that were loaded."""
        return tuple(installed.voice for installed in self._available)

    def phonemes(self, voice: Voice) -> Collection[str] | None:
        loaded = self._voices.get(voice.name)
        if loaded is not None:
            return loaded.reader.phonemes or None
        letters = (each.voice.name for each in self._installed if each.phonemizer == CHARACTERS)
        return None if voice.name in letters else ()

    def arithmetic(self, voice: Voice) -> Arithmetic | None:
        loaded = self._voices.get(voice.name)
        return loaded.arithmetic if loaded is not None else None

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        running = self._running
        if running is None:
            return Load()
        dispatcher = running.dispatcher
        schedule = dispatcher.schedule
        return Load(dispatcher.throughput.rate, schedule.depth, schedule.audio_seconds, self._device_type)

    async def start(self, reports: Reports) -> None:
        """Loads and warms up every voice. A voice that fails is logged by name and left out.

        A process that is lost later is replaced. Raises EngineFailed when no voice is left, or the device does not
        exist.
        """
        supervisor = EngineSupervisor(partial(self._start_engine, reports), reports, self._log)
        await supervisor.start()
        self._supervisor = supervisor

    async def check(self) -> None:
        await check_speech(self, self._available[0].voice)

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields the audio, with the silence after each sentence. A stream's first chunk has low latency.

        Raises NothingToSpeak, TextTooLong, EngineFailed, and ShuttingDown after ``close``.
        """
        voice = self._voices.get(utterance.voice.name)
        running = self._running
        if running is None:
            raise EngineFailed("the speech engine is restarting")
        if voice is None:
            raise EngineFailed("this voice is not loaded")
        rate = utterance.voice.sample_rate
        with map_errors():
            submitted = time.perf_counter_ns()
            text = (await self._text_threads.run(lambda: _prepare(voice, utterance, submitted))).result
            silence = sum(sentence.silence for sentence in text.sentences)
            expected: float | None = expect(text.seconds, silence, self._max_audio_seconds)
            spoken_text = text.spoken_text
            intervals: tuple[Interval, ...] = (text.interval,)

            def create_job(changed: Callable[[], None]) -> Job:
                return Job(
                    text.sentences,
                    text.seconds,
                    rate,
                    streamed=listener.streamed,
                    low_latency=None if utterance.seed is None else has_short_windows(utterance.seed),
                    client=listener.client,
                    origin=listener.origin,
                    changed=changed,
                )

            async with aclosing(running.dispatcher.run(create_job)) as pieces:
                async for piece in pieces:
                    yield Chunk(piece.samples, rate, (*intervals, *piece.intervals), expected, spoken_text, piece.words)
                    intervals, expected, spoken_text = (), None, ""

    @property
    def running(self) -> bool:
        """Whether the engine runs, and is not being replaced."""
        running = self._running
        return running is not None and not running.lost.done()

    async def close(self) -> None:
        """Waits for running steps; unfinished requests fail with ShuttingDown."""
        if self._supervisor is not None:
            await self._supervisor.close(ShuttingDown("the server is shutting down"))
        await self._text_threads.close()

    @property
    def _running(self) -> RunningEngine | None:
        """The running engine; None before the start and while it is replaced."""
        return self._supervisor.running if self._supervisor is not None else None

    async def _start_engine(self, reports: Reports) -> RunningEngine:
        """Returns a new engine with the voices loaded. Raises EngineFailed, after ending the process."""
        client = EngineClient(self._stall_seconds)
        start = time.perf_counter()
        try:
            async with asyncio.timeout(self._load_seconds):
                device_type = await client.start(self._device, self._threads, self._log.getEffectiveLevel())
                self._device_type = device_type
                slowest = await self._load_all(client, device_type, reports)
                await client.end_loading()
        except BaseException as error:
            loss = EngineLost("the engine's process was ended while it loaded")
            await client.kill(loss)
            if isinstance(error, TimeoutError):
                raise EngineFailed("the engine's process did not load in time") from error
            if isinstance(error, EngineLost):
                raise EngineFailed("the engine's process has ended while it loaded") from error
            if isinstance(error, OSError):  # out of memory, handles or processes
                raise EngineFailed("the engine's process could not be started") from error
            raise
        seconds = time.perf_counter() - start
        self._load_seconds = min(self._load_seconds, max(LEAST_LOAD_SECONDS, LOAD_TIMES * seconds))
        cuda = device_type == "cuda"
        cores = 1 if cuda else self._threads
        dispatcher = Dispatcher(
            client,
            cores,
            slots=BATCHES_IN_FLIGHT,
            cores=cores,
            busy_depth=0 if cuda else BUSY_DEPTH_PER_CORE * cores,
            observe=reports.batch,
            device=Device.GPU if cuda else Device.CPU,
            account=reports.worked,
        )
        dispatcher.throughput.reset(slowest)
        return RunningEngine(client, dispatcher)

    async def _load_all(self, client: EngineClient, device_type: str, reports: Reports) -> float:
        """Loads the voices and returns the throughput of the slowest one, in seconds of audio per second.

        Voices that fail are logged and left out. Raises EngineFailed when none is left.
        """
        voices, rates = {}, []
        for installed in self._installed:
            name = installed.voice.name
            start = time.perf_counter()
            try:
                voices[name], rate = await self._load(installed, client)
            except (EngineFailed, VoiceError):  # the error of one voice must not stop the others
                self._log.exception("the voice %s can't be loaded and is left out", name)
            else:
                rates.append(rate)
                seconds = time.perf_counter() - start
                reports.loaded(name, seconds)
                self._log.info("the voice %s is loaded on %s in %.1f s", name, device_type, seconds)
        if not voices:
            raise EngineFailed("no voice could be loaded")
        self._voices = voices
        self._available = tuple(installed for installed in self._installed if installed.voice.name in voices)
        return min(rates)

    async def _load(self, installed: InstalledVoice, client: EngineClient) -> tuple[CoquiVoice, float]:
        """Returns the voice and its throughput in seconds of audio per second. Raises VoiceError or EngineFailed."""
        voice = installed.voice
        properties = await client.load(voice.name, installed.config, installed.model)
        if properties.sample_rate != voice.sample_rate:
            raise VoiceError(installed.config, f"has {properties.sample_rate} Hz, not {voice.sample_rate} Hz")
        reader = CoquiReader(installed, properties.vocabulary, self._phonemizer)
        measurements = []
        for text in WARM_UP:
            phrases = (await self._text_threads.run(partial(_phrases, reader, text, voice.languages[0]))).result
            seconds = [await client.speak(voice.name, phrase.ids) for phrase in phrases]
            measurements.append((sum(phrase.symbols for phrase in phrases), sum(seconds)))
        decoder = await client.prepare_decoder(voice.name, phrases[0].ids, self._number_format)
        self._log.info("the voice %s is decoded in %s", voice.name, decoder.arithmetic.number_format)
        return CoquiVoice(reader, Pace.measured(*measurements), decoder.arithmetic), decoder.rate


def _prepare(voice: CoquiVoice, utterance: Utterance, submitted: int) -> PreparedText:
    """Encodes an utterance, in a text thread; ``submitted`` is when the call was submitted, in ns."""
    require_symbols(utterance.verbalizations, voice.reader.phonemes)
    text = read_utterance(utterance)
    encoded = tuple(voice.reader.sentences(text, with_words=utterance.timed))
    sentences = tuple(
        replace(sentence, seed=utterance.seed or 0, number=number, exact=utterance.exact)
        for number, (sentence, _) in enumerate(encoded)
    )
    seconds = tuple(voice.pace.seconds(symbols, sentence.speed) for sentence, symbols in encoded)
    return PreparedText(sentences, seconds, text.text, Interval(Stage.PHONEMIZE, submitted, time.perf_counter_ns()))


def _phrases(reader: CoquiReader, text: str, language: str) -> list[EncodedPhrase]:
    return [phrase for phrases in reader.phrases(read_text(text, language)) for phrase in phrases]
