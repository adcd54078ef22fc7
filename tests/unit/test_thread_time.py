"""The time that threads of the server take for audio is reported, whoever gets the audio."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import numpy as np
import pytest

from otel.contract.values import Device, Stage
from server.engine.noise import NoiseKey
from server.errors import EngineFailed
from server.providers.loaded_voice import LoadedVoice, Phrase
from server.providers.pace import Pace
from server.providers.sentencewise import SentencewiseSynthesizer
from server.utterance import Samples, Utterance
from tests.humming_provider import JOE, Told

TEXT = "One two. Three four."


class Model:
    """Speaks when it may; ``failure`` is what it raises."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.failure: Exception | None = None

    def speak(self, speed: float, key: NoiseKey) -> Samples:
        self.entered.set()
        assert self.open.wait(60)
        if self.failure is not None:
            raise self.failure
        return np.zeros(1000, np.float32)

    def phrases(self, text: str) -> list[Phrase]:
        return [Phrase(self.speak, len(text))]


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
async def synthesizer(model: Model, told: Told) -> AsyncIterator[SentencewiseSynthesizer]:
    synthesizer = SentencewiseSynthesizer("test", 1, 60.0)
    synthesizer.set_voices({JOE.name: LoadedVoice(model.phrases, Pace(0.01, 0.1), 10.0)}, told)
    yield synthesizer
    await synthesizer.close()


def utterance() -> Utterance:
    return Utterance(TEXT, JOE, "en", 4, len(TEXT))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.001)


async def test_the_reported_time_is_that_of_the_audio(synthesizer: SentencewiseSynthesizer, told: Told) -> None:
    chunks = [chunk async for chunk in synthesizer.speak(utterance())]
    inferring = [interval.nanos for chunk in chunks for interval in chunk.intervals if interval.stage is Stage.INFER]
    assert len(inferring) == 2
    assert told.thread_seconds == [(Device.CPU, pytest.approx(nanos / 1e9)) for nanos in inferring]


async def test_what_nobody_gets_is_reported_too(synthesizer: SentencewiseSynthesizer, model: Model, told: Told) -> None:
    model.open.clear()
    async with aclosing(synthesizer.speak(utterance())) as chunks:
        first = asyncio.create_task(anext(chunks))
        await asyncio.to_thread(model.entered.wait, 60)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
    assert told.thread_seconds == []
    model.open.set()
    await until(lambda: len(told.thread_seconds) == 1)


async def test_what_fails_is_reported_too(synthesizer: SentencewiseSynthesizer, model: Model, told: Told) -> None:
    model.failure = ValueError("not a model")
    with pytest.raises(EngineFailed):
        await anext(synthesizer.speak(utterance()))
    assert len(told.thread_seconds) == 1


async def test_loading_is_not_reported(synthesizer: SentencewiseSynthesizer, told: Told) -> None:
    other = SentencewiseSynthesizer("loading", 1, 60.0)
    assert await other.run(lambda: 3) == 3
    await other.close()
    assert told.thread_seconds == []
