"""An engine that takes as long for each step as was measured, and computes nothing."""

from __future__ import annotations

import asyncio
import random
import zlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from bench.simulation.step_times import StepTimes, at_quantile, kind_of
from server.engine.client import length_bucket
from server.scheduling.engine import BatchResult, Decode, Encode, EngineLost, Sentence, Step, StepResult
from server.scheduling.windows import window_shape
from server.utterance import Samples

TONE_SECONDS = 60.0
HERTZ = 220.0
SILENT_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class TimedLatent:
    """The frames of a sentence; see server.scheduling.engine.Latent."""

    frames: int
    frame_seconds: float
    context: int
    ends: Sequence[int] = ()


class TimedEngine:
    """Runs steps by sleeping; see server.scheduling.engine.Engine. On a loop of virtual time it takes no time at all.

    A worker runs one batch after the other. The number of frames of a sentence depends on the sentence alone, so the
    same text is as long in every engine.
    """

    def __init__(
        self,
        times: StepTimes,
        workers: int,
        sample_rate: int,
        seed: int = 0,
        slowdown: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """Its audio, a tone, has ``sample_rate``. ``seed`` chooses how much each step differs from the mean;
        ``slowdown`` returns how many times as long a step takes at that moment."""
        self._slowdown = slowdown
        self._times = times
        self._max_batch = times.max_batch
        self._rate = sample_rate
        self._random = random.Random(seed)
        self._free_at = [0.0] * workers
        """When each worker has done all its batches, in seconds of the event loop."""
        samples = np.arange(round(TONE_SECONDS * sample_rate))
        self._tone: Samples = (0.3 * np.sin(2 * np.pi * HERTZ / 22050 * samples)).astype(np.float32)
        self.batches = 0
        """The number of batches so far."""
        self.busy_seconds = 0.0
        """The time that all workers together have worked."""
        self.audio_seconds = 0.0
        """Seconds of audio made so far."""
        self.lost = False
        """Whether it fails from now on."""

    def bucket(self, step: Step) -> Hashable:
        if isinstance(step, Encode):
            return Encode, step.sentence.voice, length_bucket(len(step.sentence.ids))
        if kind_of(step) == "refine":
            return "refine", length_bucket(step.stop - step.start)
        return "decode", window_shape(step.latent.frames, step.latent.context, step.start, step.stop)

    def max_batch(self, step: Step) -> int:
        return self._max_batch[kind_of(step)]

    def size(self, step: Step) -> int:
        return len(step.sentence.ids) if isinstance(step, Encode) else step.stop - step.start

    async def run(self, worker: int, steps: Sequence[Step], threads: int) -> BatchResult:
        if self.lost:
            raise EngineLost("the engine has been ended")
        moment = asyncio.get_running_loop().time()
        busy = 1 + sum(until > moment for other, until in enumerate(self._free_at) if other != worker)
        kind, size = kind_of(steps[0]), max(map(self.size, steps))
        mean = self._times.seconds(kind, size, batch=len(steps), threads=threads, busy=busy)
        seconds = mean * at_quantile(self._times.spread, self._random.random()) * self._slowdown()
        start = max(moment, self._free_at[worker])
        self._free_at[worker] = end = start + seconds
        self.batches += 1
        self.busy_seconds += seconds
        await asyncio.sleep(end + self._times.turnaround - moment)
        if self.lost:
            raise EngineLost("the engine has been ended")
        self.audio_seconds += sum(step.seconds for step in steps if isinstance(step, Decode))
        return BatchResult([self._result(step) for step in steps], round(start * 1e9), round(end * 1e9))

    def _result(self, step: Step) -> StepResult:
        if isinstance(step, Encode):
            frames = frames_of(self._times, step.sentence)
            return TimedLatent(frames, self._times.frame_seconds, self._times.context)
        if not isinstance(step, Decode):
            return None
        samples = self._tone_of(step.start, step.stop)
        return self._faded(samples) if step.stop == step.latent.frames else samples

    def _tone_of(self, start: int, stop: int) -> Samples:
        first, last = (round(frame * self._times.frame_seconds * self._rate) for frame in (start, stop))
        offset = first % (len(self._tone) // 2)
        return self._tone[offset : offset + last - first]

    def _faded(self, samples: Samples) -> Samples:
        """Returns the end of a sentence, with silence at last: speech that breaks off would be judged as cut."""
        end = samples.copy()
        end[-round(SILENT_SECONDS * self._rate) :] = 0.0
        return end


def frames_of(times: StepTimes, sentence: Sentence) -> int:
    """Returns the frames of a sentence: the content decides how slowly it is read."""
    quantile = zlib.crc32(bytes(each % 256 for each in sentence.ids)) / 2**32
    return max(1, round(times.frames_of(len(sentence.ids), quantile) / sentence.speed))
