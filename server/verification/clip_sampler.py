"""Recognises a share of the clips beside their requests, and drops a clip rather than let anybody wait for it."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import numpy as np

from otel.contract.recognition_values import RecognitionResult
from server.logs import LOGGER
from server.record import RequestRecord
from server.utterance import Chunk, Samples, Utterance
from server.verification.recognisers import installed
from server.verification.recognition import RecognitionFailed, obstacle, recognise

LONGEST_SECONDS = 60.0
"""Clips that are estimated to be longer are not sampled: a clip of 60 s takes 5 MB, and 5 s of a core."""
MOST_CLIPS = 4
"""Clips in memory at once: those being made, those that wait, and the one that is recognised."""
REPORT_SECONDS = 60.0
"""The time after which the request's event is sent without the word error rate."""

log = logging.getLogger(f"{LOGGER}.verification")


@dataclass(slots=True, eq=False)
class ClipSample:
    """A clip that is recognised once it is complete."""

    utterance: Utterance
    sample_rate: int
    """Hz."""
    chunks: list[Samples] = field(default_factory=list)
    word_error_rate: asyncio.Future[float | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class ClipSampler:
    """Chooses clips at random and recognises one after the other. Create it inside a running event loop."""

    def __init__(self, share: float, count: Callable[[RecognitionResult], None], seed: int | None = None) -> None:
        """``share`` of the clips are chosen, none without a recogniser; ``count`` gets what became of each."""
        self._share = share if installed() is not None else 0.0
        self._count = count
        self._random = random.Random(seed)  # noqa: S311 - it chooses clips
        self._clips = 0
        self._queue: asyncio.Queue[ClipSample] = asyncio.Queue()
        self._unknown: set[asyncio.Future[float | None]] = set()

    @property
    def clips(self) -> int:
        """The number of clips in memory."""
        return self._clips

    def sampled(self, record: RequestRecord, chunks: AsyncGenerator[Chunk, None]) -> AsyncGenerator[Chunk, None]:
        """Returns the chunks of the record's clip, a chosen clip's by way of a generator that keeps them until the clip
        is complete; then ``record.recognition`` is set."""
        if not self._share or self._random.random() >= self._share:
            return chunks
        return self._collected(record, chunks)

    async def _collected(
        self, record: RequestRecord, chunks: AsyncGenerator[Chunk, None]
    ) -> AsyncGenerator[Chunk, None]:
        sample: ClipSample | None = None
        begun = False
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    if not begun:
                        begun, sample = True, self._open(record, chunk.sample_rate)
                    if sample is not None:
                        sample.chunks.append(chunk.samples)
                    yield chunk
            if sample is not None:
                record.recognition, sample = self._finish(sample), None
        finally:
            if sample is not None:  # its clip is not complete
                self._clips -= 1

    def _open(self, record: RequestRecord, sample_rate: int) -> ClipSample | None:
        """Returns the sample of a clip that can be recognised and was made for its request; None if there is no
        room."""
        synthesis = record.synthesis
        if synthesis is None or not record.synthesized or synthesis.verify:
            return None
        if synthesis.estimated_seconds > LONGEST_SECONDS or obstacle(synthesis.utterance) is not None:
            return None
        if self._clips >= MOST_CLIPS:
            self._count(RecognitionResult.DROPPED)
            return None
        self._clips += 1
        return ClipSample(synthesis.utterance, sample_rate)

    def _finish(self, sample: ClipSample) -> asyncio.Future[float | None]:
        """Queues a complete clip. The result is its word error rate, or None if it isn't known in time."""
        rate = sample.word_error_rate
        self._unknown.add(rate)
        timer = asyncio.get_running_loop().call_later(REPORT_SECONDS, _resolve, rate, None)
        rate.add_done_callback(self._unknown.discard)
        rate.add_done_callback(lambda _: timer.cancel())
        self._queue.put_nowait(sample)
        return rate

    async def run(self) -> None:
        """Recognises the clips, until it is cancelled."""
        while True:
            sample = await self._queue.get()
            try:
                await self._recognise(sample)
            finally:
                _resolve(sample.word_error_rate, None)
                self._clips -= 1
            del sample  # neither its text nor its audio stays in memory

    async def close(self) -> None:
        """Gives up the clips that wait, so that the events of their requests are sent."""
        while not self._queue.empty():
            self._queue.get_nowait()
            self._clips -= 1
            self._count(RecognitionResult.DROPPED)
        for rate in list(self._unknown):
            _resolve(rate, None)
        await asyncio.sleep(0)  # until the callbacks of the results have run

    async def _recognise(self, sample: ClipSample) -> None:
        samples = np.concatenate(sample.chunks)
        try:
            errors = await asyncio.to_thread(recognise, sample.utterance, samples, sample.sample_rate, patiently=True)
        except RecognitionFailed as error:
            log.warning("a clip can't be recognised", extra={"reason": str(error)})
            self._count(RecognitionResult.FAILED)
            return
        late = sample.word_error_rate.done()
        self._count(RecognitionResult.LATE if late else RecognitionResult.RECOGNISED)
        _resolve(sample.word_error_rate, errors.rate)


def _resolve(rate: asyncio.Future[float | None], value: float | None) -> None:
    """Sets the result, unless there is one."""
    if not rate.done():
        rate.set_result(value)
