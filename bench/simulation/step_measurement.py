"""Measures the real engine's steps with the real voice, and what reading a text and answering a request take."""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from bench.clients.passage import Reader
from bench.results.machine import this_machine
from bench.simulation.step_times import Kind, Latency, Line, StepTime, StepTimes, kind_of
from bench.targets.contenders import VOICE
from server.engine.client import CUDA_MAX_BATCH, EngineClient
from server.providers.coqui_reader import CoquiReader
from server.providers.pace import WARM_UP
from server.scheduling.dispatcher import STEP_THREADS
from server.scheduling.engine import BatchResult, Decode, Encode, Latent, Refine, Sentence, Step
from server.scheduling.windows import blocks, windows
from server.text.phonemes import Phonemizer
from server.text.reading import read_text
from server.voices.catalogue import InstalledVoice

QUANTILES = 21
SIZES = (16, 32, 48, 64, 96, 128, 160, 192, 256, 384, 512, 768, 1024)
"""Steps are grouped by the nearest of these."""
LENGTHS = (4, 6, 9, 14, 20, 28, 40)
"""Words of the measured texts, which may be several sentences."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One measured step: its size, and the time in the engine and seen by the caller."""

    kind: Kind
    size: int
    seconds: float
    caller_seconds: float
    batch: int
    threads: int
    busy: int

    def key(self) -> tuple[Kind, int, int, int, int]:
        """Returns its group."""
        size = min(SIZES, key=lambda each: abs(each - self.size))
        return self.kind, size, self.batch, self.threads, self.busy


@dataclass(frozen=True, slots=True)
class TextReading:
    """A text as the voice reads it: its sentences, and what reading it took."""

    characters: int
    seconds: float
    sentences: tuple[tuple[int, Sentence], ...]
    """Each sentence's characters, and the sentence."""


async def measure_steps(rounds: int) -> StepTimes:
    """Returns the figures of the engine on this machine. Takes about half a minute a round; the machine must be quiet.

    Raises VoiceError when the voice is not installed.
    """
    installed = InstalledVoice.read(VOICE)
    cores = len(os.sched_getaffinity(0))
    client = EngineClient()
    try:
        cuda = await client.start("auto", cores, logging.WARNING) == "cuda"
        properties = await client.load(installed.voice.name, installed.config, installed.model)
        reader = CoquiReader(installed, properties.vocabulary, Phonemizer())
        warm_up = read(reader, WARM_UP[1], installed.voice.languages[0]).sentences[0][1]
        await client.prepare_decoder(installed.voice.name, warm_up.ids)
        await client.end_loading()
        readings = [read(reader, text, installed.voice.languages[0]) for text in texts(rounds)]
        meter = StepMeter(client)
        sentences = [sentence for reading in readings for _, sentence in reading.sentences]
        if cuda:
            await meter.batches(sentences)
        else:
            await meter.on_cores(sentences, cores)
    finally:
        await client.close()
    pairs = [(characters, len(sentence.ids)) for reading in readings for characters, sentence in reading.sentences]
    return StepTimes(
        machine=f"{this_machine().describe()} {date.today().isoformat()}",
        cores=1 if cuda else cores,
        frame_seconds=properties.frame_seconds,
        context=properties.context,
        ids=Line.through(pairs),
        frames=(frames := Line.through(meter.lengths)),
        frame_spread=quantiles([length / frames.at(ids) for ids, length in meter.lengths]),
        spread=meter.spread(),
        turnaround=statistics.median(each.caller_seconds - each.seconds for each in meter.timings),
        preparation=Line.through([(reading.characters, reading.seconds) for reading in readings]),
        door=0.0,
        door_audio=0.0,
        latency=Latency(),
        steps=meter.means(),
    )


def texts(rounds: int) -> Iterator[str]:
    """Yields texts of all lengths, so often."""
    reader = Reader(seed=5)
    for _ in range(rounds):
        yield from map(reader.take, LENGTHS)


def read(reader: CoquiReader, text: str, language: str) -> TextReading:
    """Reads a text as the server does."""
    start = time.perf_counter()
    spoken = read_text(text, language)
    sentences: list[tuple[int, Sentence]] = []
    for sentence, phrases in zip(spoken, reader.phrases(spoken), strict=True):
        characters = len(sentence.text) // max(1, len(phrases))
        sentences += [(characters, Sentence(VOICE.name, phrase.ids)) for phrase in phrases]
    return TextReading(len(text), time.perf_counter() - start, tuple(sentences))


class StepMeter:
    """Runs the steps of sentences as the scheduler would, and times each."""

    def __init__(self, client: EngineClient) -> None:
        self._client = client
        self.timings: list[Timing] = []
        self.lengths: list[tuple[int, int]] = []
        """The ids and the frames of each sentence."""

    async def on_cores(self, sentences: Sequence[Sentence], cores: int) -> None:
        """Measures steps alone, and on every core at once; the dispatcher gives each step one core."""
        for number, sentence in enumerate(sentences):
            await self._speak(sentence, 0, STEP_THREADS, busy=1, streamed=number % 2 == 0)
        if cores > 1:
            await all_of(
                [
                    lambda worker=worker: self._speak_all(sentences[worker::cores], worker, cores)  # type: ignore[misc]
                    for worker in range(cores)
                ]
            )

    async def batches(self, sentences: Sequence[Sentence]) -> None:
        """Measures batches of 1, 2, 4 and so on, each of one sentence again and again."""
        batch = 1
        while batch <= max(CUDA_MAX_BATCH.values()):
            for number, sentence in enumerate(sentences):
                await self._speak(sentence, 0, 1, busy=1, streamed=number % 2 == 0, batch=batch)
            batch *= 2

    def means(self) -> tuple[StepTime, ...]:
        """Returns the mean of each group of steps."""
        rows = []
        for (kind, _, batch, threads, busy), group in sorted(self._groups().items()):
            sizes, seconds = [each.size for each in group], [each.seconds for each in group]
            rows.append(StepTime(kind, statistics.fmean(sizes), statistics.fmean(seconds), batch, threads, busy))
        return tuple(rows)

    def spread(self) -> tuple[float, ...]:
        """Returns the quantiles of times as multiples of their group's mean time for a unit of size."""
        ratios = []
        for group in self._groups().values():
            mean = statistics.fmean([each.seconds / each.size for each in group])
            ratios += [each.seconds / each.size / mean for each in group]
        return quantiles(ratios)

    def _groups(self) -> dict[tuple[Kind, int, int, int, int], list[Timing]]:
        groups: dict[tuple[Kind, int, int, int, int], list[Timing]] = {}
        for timing in self.timings:
            groups.setdefault(timing.key(), []).append(timing)
        return groups

    async def _speak_all(self, sentences: Sequence[Sentence], worker: int, busy: int) -> None:
        for number, sentence in enumerate(sentences):
            await self._speak(sentence, worker, 1, busy, streamed=number % 2 == 0)

    async def _speak(
        self, sentence: Sentence, worker: int, threads: int, busy: int, *, streamed: bool, batch: int = 1
    ) -> None:
        encoded = await self._run([Encode(sentence)] * min(batch, CUDA_MAX_BATCH[Encode]), worker, 1, busy)
        latents = [each for each in encoded.results if each is not None and not isinstance(each, np.ndarray)]
        self.lengths.append((len(sentence.ids), latents[0].frames))
        frames = min(latent.frames for latent in latents)
        for block in blocks(frames, streamed, latents[0].context):
            await self._run(of_each(Refine, latents, block.start, block.stop), worker, 1, busy)
        for window in windows(frames, streamed):
            chosen = latents * 2 if batch > len(latents) else latents
            await self._run(of_each(Decode, chosen, window.start, window.stop), worker, threads, busy)

    async def _run(self, steps: Sequence[Step], worker: int, threads: int, busy: int) -> BatchResult:
        start = time.perf_counter()
        result = await self._client.run(worker, steps, threads)
        caller_seconds, seconds = time.perf_counter() - start, (result.end - result.start) / 1e9
        size = max(map(self._client.size, steps))
        self.timings.append(Timing(kind_of(steps[0]), size, seconds, caller_seconds, len(steps), threads, busy))
        return result


def of_each(kind: type[Refine | Decode], latents: Sequence[Latent], start: int, stop: int) -> list[Step]:
    """Returns the same step of each latent."""
    return [kind(latent, start, stop) for latent in latents]


async def all_of(tasks: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """Runs all at once."""
    await asyncio.gather(*(task() for task in tasks))


def quantiles(values: Sequence[float]) -> tuple[float, ...]:
    """Returns quantiles at equal distances, without the hundredth at either end."""
    return tuple(float(each) for each in np.quantile(values, np.linspace(0.01, 0.99, QUANTILES)))
