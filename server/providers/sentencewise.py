"""Speaks a text sentence by sentence on threads of its own: what providers whose models do that in one go share."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TypeVar

import numpy as np

from otel.contract.values import Stage
from server.errors import EngineFailed
from server.providers.error_mapping import as_ours
from server.providers.loaded_voice import Speaker
from server.providers.pace import expect
from server.providers.provider import Load
from server.providers.thread_pool import Crew
from server.providers.worker import Worker
from server.providers.workload import Workload
from server.text.script import script
from server.utterance import Chunk, Interval, Samples, Utterance

T = TypeVar("T")


class Narrator:
    """A provider's voices, and its threads: one that reads texts, and some that speak."""

    def __init__(self, name: str, threads: int | None, max_audio_seconds: float) -> None:
        """``threads`` speak a sentence each, None for one a core; ``max_audio_seconds`` is the longest audio that a
        text may become."""
        threads = threads or len(os.sched_getaffinity(0))
        self._max_audio_seconds = max_audio_seconds
        self._workload = Workload(lanes=threads)
        # A thread of its own: behind those that speak, a request would wait for others' audio before it can be refused.
        self._text_thread = Worker(f"{name}-text")
        self._crew = Crew(name, threads)
        self._speakers: Mapping[str, Speaker] = {}

    @property
    def load(self) -> Load:
        return self._workload.load

    async def do(self, function: Callable[[], T]) -> T:
        """Has ``function``, such as loading a model, done by a thread that speaks."""
        return (await self._crew.run(function)).result

    def engage(self, speakers: Mapping[str, Speaker]) -> None:
        """Speaks with these from now on, by their voices' names; as fast as the slowest, until more is measured."""
        self._speakers = speakers
        self._workload.presume(min(speaker.rate for speaker in speakers.values()) * self._crew.size)

    async def speak(self, utterance: Utterance) -> AsyncGenerator[Chunk, None]:
        """A chunk for each line of the utterance, in order, with the silence after it.

        Closed, it speaks no further line; the one being spoken ends, and is dropped. Raises NothingToSpeak and
        TextTooLong before any chunk, ShuttingDown after ``close``, EngineFailed for a voice that is not loaded, and for
        whatever it raises itself.
        """
        speaker = self._speakers.get(utterance.voice.name)
        if speaker is None:
            raise EngineFailed("this voice is not loaded")
        sample_rate = utterance.voice.sample_rate
        with as_ours():
            asked = time.perf_counter_ns()
            text = await self._text_thread.run(script, utterance)
            lines = await self._text_thread.run(speaker.read, text)
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

    async def close(self) -> None:
        """Waits for the sentences that are being spoken; what is not finished fails with ShuttingDown."""
        await asyncio.gather(self._text_thread.close(), self._crew.close())


def padded(samples: Samples, before: float, after: float, sample_rate: int) -> Samples:
    """``samples`` with so many seconds of silence before and after them."""
    if not before and not after:
        return samples
    return np.pad(samples, (round(before * sample_rate), round(after * sample_rate)))
