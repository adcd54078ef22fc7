"""Speaks a text sentence by sentence on threads of its own: what providers whose models do that in one go share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from server.errors import EngineFailed, ShuttingDown, SpeechError
from server.providers.crew import Crew
from server.providers.pace import expect
from server.providers.provider import Load
from server.providers.workload import Workload
from server.scheduling.worker import Worker, WorkerClosed
from server.speech import Chunk, Interval, Stage, Utterance
from server.text.script import Script, script

Samples = npt.NDArray[np.float32]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence to be spoken."""

    say: Callable[[], Samples]
    """Makes its audio, mono, shape (samples,), in whatever thread it is called."""
    seconds: float
    """Of audio that it is expected to become."""
    pause: float = 0.0
    """Seconds of silence after it."""


class Narrator:
    """The threads of a provider: one that reads texts, and some that speak."""

    def __init__(self, name: str, threads: int, max_audio_seconds: float) -> None:
        """``threads`` speak a sentence each; ``max_audio_seconds`` is the longest audio that a text may become."""
        self._max_audio_seconds = max_audio_seconds
        self._workload = Workload(lanes=threads)
        # A thread of its own: behind those that speak, a request would wait for others' audio before it can be refused.
        self._text_thread = Worker(f"{name}-text")
        self._crew = Crew(name, threads)

    @property
    def load(self) -> Load:
        return self._workload.load

    def presume(self, rate: float) -> None:
        """Believes that one thread makes ``rate`` seconds of audio in a second, until more is measured."""
        self._workload.presume(rate * self._crew.size)

    async def do(self, function: Callable[[], T]) -> T:
        """Has ``function``, such as loading a model, done by a thread that speaks."""
        return (await self._crew.run(function)).result

    async def speak(
        self, read: Callable[[Script], Sequence[Line]], utterance: Utterance, sample_rate: int
    ) -> AsyncGenerator[Chunk, None]:
        """A chunk for each line that ``read`` makes of the utterance, in order, with the silence after it.

        Closed, it speaks no further line; the one being spoken ends, and is dropped. Raises NothingToSpeak and
        TextTooLong before any chunk, ShuttingDown after ``close``, EngineFailed for whatever ``read`` or a line raise.
        """
        try:
            asked = time.perf_counter_ns()
            text = await self._text_thread.run(script, utterance)
            lines = await self._text_thread.run(read, text)
            read_in = Interval(Stage.PHONEMIZE, asked, time.perf_counter_ns())
            silence = text.lead + sum(line.pause for line in lines)
            expected = expect([line.seconds for line in lines], silence, self._max_audio_seconds)
            with self._workload.request(expected) as request:
                for number, line in enumerate(lines):
                    request.waits()
                    done = await self._crew.run(line.say, request.begun)
                    lead = 0.0 if number else text.lead
                    samples = padded(done.result, lead, line.pause, sample_rate)
                    intervals = (
                        Interval(Stage.QUEUE, done.asked, done.start),
                        Interval(Stage.INFER, done.start, done.end),
                    )
                    if number:
                        chunk = Chunk(samples, sample_rate, intervals)
                    else:
                        chunk = Chunk(samples, sample_rate, (read_in, *intervals), expected, text.said)
                    request.made(chunk.seconds, done.seconds)
                    yield chunk
        except SpeechError:
            raise
        except WorkerClosed:
            raise ShuttingDown("the server is shutting down") from None
        except Exception as error:  # the model's runtime: whatever it is, the client learns that it failed, no more
            raise EngineFailed("the speech engine failed") from error

    async def close(self) -> None:
        """Waits for the sentences that are being spoken; what is not finished fails with ShuttingDown."""
        await asyncio.gather(self._text_thread.close(), self._crew.close())


def sound(samples: Samples) -> Samples:
    """What a model gave, within -1 to 1. Raises EngineFailed when it is not numbers."""
    if not np.isfinite(samples).all():
        raise EngineFailed("the voice's model gave numbers that are not audio")
    return samples.clip(-1.0, 1.0)


def padded(samples: Samples, before: float, after: float, sample_rate: int) -> Samples:
    """``samples`` with so many seconds of silence before and after them."""
    if not before and not after:
        return samples
    return np.pad(samples, (round(before * sample_rate), round(after * sample_rate)))
