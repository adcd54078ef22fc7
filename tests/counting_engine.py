"""An engine that counts instead of speaking: every sample tells which frame of which sentence it is."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from server.providers.threads import WorkerThread
from server.scheduling.engine import BatchResult, Decode, Encode, EngineLost, Refine, Sentence, Step, StepResult
from server.scheduling.schedule import Batch, Schedule
from server.utterance import Samples

FRAME_SECONDS = 0.01
RATE = 100
"""Hz: a frame is one sample."""
CONTEXT = 13
"""Frames; a block of a stream's first sentence ends within that of a window's end, where it counts."""
MOST_FRAMES = 1000


class Broken(Exception):
    """What the engine says of a sentence that it can't speak."""


def sentence(number: int, frames: int) -> Sentence:
    """A sentence that becomes so many frames; no other may have its ``number``."""
    return Sentence("joe", (number, frames))


def paused(sentences: Sequence[Sentence], seconds: float) -> list[Sentence]:
    """The sentences with so much silence between them."""
    *others, last = sentences
    return [*(replace(each, pause=seconds) for each in others), last]


def spoken(sentence: Sentence) -> Samples:
    """All of its audio; whole numbers below 2**24, so that float32 keeps each."""
    number, frames = sentence.ids
    return np.arange(1, frames + 1, dtype=np.float32) + np.float32(number * MOST_FRAMES)


@dataclass(slots=True, eq=False)
class CountingLatent:
    sentence: Sentence
    frames: int
    frame_seconds: float = FRAME_SECONDS
    context: int = CONTEXT
    refined: int = 0

    @property
    def ends(self) -> list[int]:
        """Half of the frames are the first id's."""
        return [self.frames // 2, self.frames] if self.sentence.words else []


class CountingEngine:
    """Takes ``most`` steps at once, of lengths that round up to the same multiple of ``bucket_frames``.

    Its calls wait while ``gate`` is not set. Sentences in ``broken`` fail when their first window is decoded; after
    ``lose`` every call does.
    """

    def __init__(self, most: int = 1, bucket_frames: int = 64) -> None:
        self._most = most
        self._bucket_frames = bucket_frames
        self._lost = False
        self.gate = threading.Event()
        self.gate.set()
        self.broken: set[Sentence] = set()
        self.batches: list[tuple[Step, ...]] = []
        """In the order in which they began."""
        self.threads: list[int] = []
        """How many each of them was given."""
        self._workers: dict[int, WorkerThread] = {}

    def lose(self) -> None:
        self._lost = True

    def bucket(self, step: Step) -> Hashable:
        return type(step), -(-self.size(step) // self._bucket_frames)

    def max_batch(self, step: Step) -> int:
        return self._most

    def size(self, step: Step) -> int:
        return step.sentence.ids[1] if isinstance(step, Encode) else step.stop - step.start

    async def run(self, worker: int, steps: Sequence[Step], threads: int) -> BatchResult:
        """In a thread of the worker's own."""
        thread = self._workers.setdefault(worker, WorkerThread(f"engine-{worker}"))
        return await thread.run(self._timed, steps, threads)

    async def close(self) -> None:
        for worker in self._workers.values():
            await worker.close()

    def results(self, steps: Sequence[Step], threads: int = 1) -> Sequence[StepResult]:
        """Takes the steps; what becomes of each."""
        self.batches.append(tuple(steps))
        self.threads.append(threads)
        assert self.gate.wait(10), "nobody opened the gate"
        if self._lost:
            raise EngineLost("the device is gone")
        return [self._result(step) for step in steps]

    def _timed(self, steps: Sequence[Step], threads: int) -> BatchResult:
        begin = time.perf_counter_ns()
        results = self.results(steps, threads)
        return BatchResult(results, begin, time.perf_counter_ns())

    def _result(self, step: Step) -> StepResult:
        match step:
            case Encode(sentence):
                return CountingLatent(sentence, sentence.ids[1])
            case Refine(latent, start, stop):
                assert start == latent.refined, "blocks come in order and meet without a gap"
                latent.refined = stop
                return None
            case Decode(latent, start, stop):
                assert latent.refined >= min(latent.frames, stop + CONTEXT), "refined before it is decoded"
                if start == 0 and latent.sentence in self.broken:
                    raise Broken
                return spoken(latent.sentence)[start:stop]


class Floor:
    """A schedule at work without threads: the test says what begins, what ends, and what time it is."""

    def __init__(self, engine: CountingEngine | None = None, rate: float = 1.0) -> None:
        self.engine = engine or CountingEngine()
        self.now = 1000.0
        """Seconds; it moves by a microsecond whenever the schedule looks."""
        self.schedule = Schedule(self.engine, lambda: rate, self._clock)
        self.running: list[Batch] = []

    def begin(self) -> Batch | None:
        """The next batch, running now."""
        batch = self.schedule.next()
        if batch is not None:
            self.running.append(batch)
        return batch

    def end(self, batch: Batch) -> None:
        self.running.remove(batch)
        try:
            results = self.engine.results([task.step for task in batch.steps])
        except Broken as error:
            self.schedule.fail(batch, error)
        else:
            self.schedule.complete(batch, results, 0, 1000)

    def step(self) -> Batch | None:
        """Begins the next batch and ends it."""
        batch = self.begin()
        if batch is not None:
            self.end(batch)
        return batch

    def work(self) -> None:
        """Until there is nothing to do."""
        while self.running:
            self.end(self.running[0])
        while self.step() is not None:
            pass

    def _clock(self) -> float:
        self.now += 1e-6
        return self.now


async def until(condition: Callable[[], bool]) -> None:
    """Returns when ``condition`` holds; fails if it does not within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it has not come about"
        await asyncio.sleep(0.001)
