"""A provider that speaks with a timed engine: the dispatcher and the jobs are the server's own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from functools import lru_cache

from bench.simulation.step_times import StepTimes
from bench.simulation.timed_engine import TimedEngine
from server.providers.coqui import BATCHES_IN_FLIGHT, BUSY_DEPTH_PER_CORE
from server.providers.pace import estimate
from server.providers.provider import Load, Reports
from server.providers.threads import map_errors
from server.scheduling.dispatcher import Dispatcher
from server.scheduling.engine import EngineLost, Sentence
from server.scheduling.job import Job
from server.scheduling.windows import WINDOW
from server.text.reading import read_utterance
from server.text.sentences import cut
from server.utterance import Ability, Chunk, Listener, Utterance, Voice

SAMPLE_RATE = 22050
NAME = "timed"


def voice_at(sample_rate: int = SAMPLE_RATE) -> Voice:
    """Returns the voice, which makes audio of this sample rate."""
    return Voice("joe", ("en", "en-us"), sample_rate, "71de")


class TimedProvider:
    """Speaks a tone as long as the voice would speak; see server.providers.provider.Provider."""

    abilities: frozenset[Ability] = frozenset({Ability.MARKUP})

    def __init__(
        self,
        times: StepTimes,
        cores: int,
        *,
        name: str = NAME,
        sample_rate: int = SAMPLE_RATE,
        seed: int = 0,
        slowdown: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """It has a worker for each of ``cores``; ``slowdown`` is as for TimedEngine."""
        self.name = name
        self._times = times
        self._cores = cores
        self._voice = voice_at(sample_rate)
        self.engine = TimedEngine(times, cores, sample_rate, seed, slowdown)
        self._dispatcher: Dispatcher | None = None
        self._reports: Reports | None = None

    @property
    def dispatcher(self) -> Dispatcher:
        """Raises RuntimeError before the start."""
        if self._dispatcher is None:
            raise RuntimeError("the provider has not started")
        return self._dispatcher

    def voices(self) -> tuple[Voice, ...]:
        return (self._voice,)

    def estimate(self, utterance: Utterance) -> float:
        return estimate(utterance)

    def load(self) -> Load:
        dispatcher = self.dispatcher
        return Load(dispatcher.throughput.rate, dispatcher.schedule.depth, dispatcher.schedule.audio_seconds)

    async def start(self, reports: Reports) -> None:
        loop = asyncio.get_running_loop()
        self._reports = reports
        self._dispatcher = Dispatcher(
            self.engine,
            self._cores,
            slots=BATCHES_IN_FLIGHT,
            cores=self._cores,
            busy_depth=BUSY_DEPTH_PER_CORE * self._cores,
            observe=reports.batch,
            clock=loop.time,
        )
        window = self._times.seconds("decode", WINDOW, threads=1, busy=self._cores)
        self._dispatcher.throughput.reset(self._cores * WINDOW * self._times.frame_seconds / window)
        self._dispatcher.start()
        reports.loaded(self._voice.name, 0.0)

    def end(self) -> None:
        """Ends the engine, as a crash would: it fails all that it has, and every later request."""
        loss = EngineLost("the engine has been ended")
        self.engine.lost = True
        self.dispatcher.give_up(loss)
        if self._reports is not None:
            self._reports.stopped()

    async def check(self) -> None:
        with map_errors():
            if self.engine.lost:
                raise EngineLost("the engine has been ended")

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        """Yields the audio as server.providers.coqui does."""
        await asyncio.sleep(self._times.preparation.at(utterance.characters) / self._times.speed)
        sentences = sentences_of(self._times, utterance)
        seconds = tuple(
            self._times.frames_of(len(sentence.ids)) * self._times.frame_seconds / sentence.speed
            for sentence in sentences
        )
        rate = utterance.voice.sample_rate
        expected: float | None = sum(seconds) + sum(sentence.silence for sentence in sentences)

        def create_job(changed: Callable[[], None]) -> Job:
            return Job(
                sentences, seconds, rate, streamed=listener.streamed, client=listener.client, changed=changed
            )  # fmt: skip

        with map_errors():
            async with aclosing(self.dispatcher.run(create_job)) as pieces:
                async for piece in pieces:
                    yield Chunk(piece.samples, rate, piece.intervals, expected)
                    expected = None

    async def close(self) -> None:
        await self.dispatcher.close(EngineLost("the provider is closed"))


@lru_cache(maxsize=4096)
def sentences_of(times: StepTimes, utterance: Utterance) -> tuple[Sentence, ...]:
    """Returns an utterance's sentences, with as many ids as the voice would have."""
    spoken = read_utterance(utterance)
    sentences, silence = [], spoken.leading_silence
    for sentence in spoken.sentences:
        for phrase, pause in sentence.paused(list(cut(sentence.text))):
            ids = tuple(itertools.islice(itertools.cycle("".join(phrase).encode()), times.ids_of(len(phrase))))
            sentences.append(Sentence(utterance.voice.name, ids, sentence.speed, silence, pause))
            silence = 0.0
    return tuple(sentences)
