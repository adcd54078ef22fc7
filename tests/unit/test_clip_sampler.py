"""Clips that are recognised beside their requests: chosen, bounded, and forgotten."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import numpy as np
import pytest

from otel.contract.recognition_values import RecognitionResult
from otel.contract.values import CacheResult
from server.record import RequestRecord, Synthesis
from server.utterance import Chunk, Samples, Utterance
from server.verification import clip_sampler
from server.verification.clip_sampler import LONGEST_SECONDS, MOST_CLIPS, ClipSampler
from server.verification.recognition import RecognitionFailed
from server.verification.word_errors import WordErrors, compare
from tests.humming_provider import JOE

TEXT = "One two three four."
UTTERANCE = Utterance(TEXT, JOE, "en-us", 4, len(TEXT))
RESULTS = RecognitionResult


class Recogniser:
    """Stands in for the process: it hears three of the four words, once it may."""

    def __init__(self) -> None:
        self.may_begin = threading.Event()
        self.clips: list[tuple[int, int, bool]] = []
        self.fails = False

    def __call__(self, utterance: Utterance, samples: Samples, rate: int, *, patiently: bool = False) -> WordErrors:
        assert self.may_begin.wait(30)
        self.clips.append((len(samples), rate, patiently))
        if self.fails:
            raise RecognitionFailed("the process has ended")
        return compare(["one", "two", "three", "four"], ["one", "three", "four"])


@pytest.fixture
def recogniser(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recogniser]:
    recogniser = Recogniser()
    monkeypatch.setattr(clip_sampler, "recognise", recogniser)
    yield recogniser
    recogniser.may_begin.set()


class House:
    """A sampler, and what it counted."""

    def __init__(self, share: float = 1.0) -> None:
        self.results: Counter[RecognitionResult] = Counter()
        self.sampler = ClipSampler(share, lambda result: self.results.update([result]), seed=1)
        self.task = asyncio.create_task(self.sampler.run())

    async def speak(self, *, upto: int | None = None, **fields: object) -> RequestRecord:
        """Speaks two chunks; ``upto``: the client leaves after so many."""
        synthesis = Synthesis(UTTERANCE, cache=CacheResult.MISS)
        for name, value in fields.items():
            setattr(synthesis, name, value)
        record = RequestRecord("id", "/tts", "POST", synthesis)
        async with aclosing(self.sampler.sampled(record, _chunks())) as chunks:
            number = 0
            async for _ in chunks:
                number += 1
                if number == upto:
                    break
        return record

    async def close(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self.sampler.close()


async def _chunks() -> AsyncGenerator[Chunk, None]:
    for _ in range(2):
        yield Chunk(np.ones(500, np.float32), 1000)


async def test_a_clip_is_recognised_after_its_request(recogniser: Recogniser) -> None:
    house = House()
    record = await house.speak()
    assert record.recognition is not None
    assert not record.recognition.done()
    recogniser.may_begin.set()
    assert await record.recognition == 0.25
    assert recogniser.clips == [(1000, 1000, True)]
    assert house.results == {RESULTS.RECOGNISED: 1}
    await house.close()


async def test_clips_that_would_wait_are_dropped(recogniser: Recogniser) -> None:
    house = House()
    records = [await house.speak() for _ in range(MOST_CLIPS + 3)]
    assert [record.recognition is not None for record in records] == [True] * MOST_CLIPS + [False] * 3
    assert house.results == {RESULTS.DROPPED: 3}
    assert house.sampler.clips == MOST_CLIPS
    recogniser.may_begin.set()
    assert [await record.recognition for record in records if record.recognition] == [0.25] * MOST_CLIPS
    assert (await house.speak()).recognition is not None
    await house.close()


@pytest.mark.parametrize(
    "fields",
    [
        {"upto": 1},
        {"cache": CacheResult.HIT},
        {"cache": CacheResult.COALESCED},
        {"verify": True},
        {"estimated_seconds": LONGEST_SECONDS + 1},
        {"utterance": Utterance(TEXT, JOE, "en-us", 4, len(TEXT), speed=3.0)},
    ],
    ids=str,
)
async def test_only_whole_clips_that_were_made_and_can_be_recognised_are_chosen(fields: dict[str, object]) -> None:
    house = House()
    assert (await house.speak(**fields)).recognition is None
    assert house.sampler.clips == 0
    assert not house.results
    await house.close()


async def test_so_large_a_share_is_chosen(recogniser: Recogniser) -> None:
    recogniser.may_begin.set()
    house = House(share=0.2)
    chosen = [record.recognition for _ in range(300) if (record := await house.speak()).recognition]
    assert 40 < len(chosen) + house.results[RESULTS.DROPPED] < 80
    await asyncio.gather(*chosen)
    await house.close()


async def test_a_recogniser_that_fails_leaves_the_next_clip(recogniser: Recogniser) -> None:
    recogniser.fails = True
    recogniser.may_begin.set()
    house = House()
    assert await (await house.speak()).recognition is None
    recogniser.fails = False
    assert await (await house.speak()).recognition == 0.25
    assert house.results == {RESULTS.FAILED: 1, RESULTS.RECOGNISED: 1}
    await house.close()


async def test_an_event_does_not_wait_for_long(recogniser: Recogniser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_sampler, "REPORT_SECONDS", 0.01)
    house = House()
    assert await (await house.speak()).recognition is None
    recogniser.may_begin.set()
    async with asyncio.timeout(30):
        while not house.results:
            await asyncio.sleep(0.01)
    assert house.results == {RESULTS.LATE: 1}
    await house.close()


async def test_all_that_waits_is_given_up_at_the_end(recogniser: Recogniser) -> None:
    house = House()
    records = [await house.speak() for _ in range(2)]
    await asyncio.sleep(0)  # the first is being recognised, the other waits
    reported: list[float | None] = []
    for record in records:
        assert record.recognition is not None
        record.recognition.add_done_callback(lambda rate: reported.append(rate.result()))
    await house.close()
    assert reported == [None, None]
    assert house.sampler.clips == 0
    recogniser.may_begin.set()  # so that the loop need not wait for its thread


async def test_neither_text_nor_audio_stays_in_memory(recogniser: Recogniser) -> None:
    recogniser.may_begin.set()
    house = House()
    kept: list[weakref.ref[object]] = []

    async def chunks() -> AsyncGenerator[Chunk, None]:
        samples = np.ones(500, np.float32)
        kept.append(weakref.ref(samples))
        yield Chunk(samples, 1000)

    utterance = Utterance(TEXT, JOE, "en-us", 4, len(TEXT))
    record = RequestRecord("id", "/tts", "POST", Synthesis(utterance, cache=CacheResult.MISS))
    async for _ in house.sampler.sampled(record, chunks()):
        pass
    recognition = record.recognition
    assert recognition is not None
    del record, utterance, _
    await recognition
    async with asyncio.timeout(30):
        while house.sampler.clips:
            await asyncio.sleep(0)
    gc.collect()
    assert [each() for each in kept] == [None]
    assert not [each for each in gc.get_objects() if isinstance(each, clip_sampler.ClipSample)]
    await house.close()
