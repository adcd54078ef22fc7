"""The real voice through the real provider: it says what it was given, and behaves while it does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from otel.contract.values import Stage
from server.errors import EngineFailed, ShuttingDown
from server.providers.coqui import CoquiProvider, _prepare
from server.providers.provider import Provider
from server.scheduling.windows import FIRST_WINDOWS
from server.text.reading import PAUSE
from server.utterance import Listener
from server.voices.catalogue import Catalogue
from tests import provider_speech
from tests.humming_provider import Told
from tests.integration.test_fallback import break_engine
from tests.provider_behaviour import EveryProvider
from tests.provider_speech import THREE, joined, say, utterance
from tests.recognition import errors, recognise, words

TEXTS = (
    *provider_speech.TEXTS,
    "The quick brown fox jumps over the lazy dog.",
    "On the twenty third of March, nineteen ninety nine, the train left at half past seven.",
    "We will meet again tomorrow morning at the station, unless it begins to rain.",
    "There is no friend as loyal as a book, and no teacher as patient.",
    "He closed the door behind him and went up the stairs without a word.",
    "The weather was so bad that the ships could not leave the harbor.",
    "I would like a cup of coffee with milk and a piece of bread.",
    "They have lived in the same house for more than thirty years.",
)


@pytest.fixture(scope="session")
def catalogue(voices_folder: Path) -> Catalogue:
    return Catalogue.scan(voices_folder)


TOLD = Told()


def make_provider(catalogue: Catalogue, device: str = "cpu", max_audio_seconds: float = 60.0) -> CoquiProvider:
    return CoquiProvider(
        catalogue.voices.values(),
        device=device,
        threads=2,
        max_audio_seconds=max_audio_seconds,
        log=logging.getLogger("test"),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(catalogue: Catalogue) -> AsyncIterator[Provider]:
    provider = make_provider(catalogue)
    await provider.start(TOLD)
    yield provider
    await provider.close()


pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = Listener(streamed=True)


class TestAsEveryProvider(EveryProvider):
    pass


async def test_it_is_understood(provider: Provider) -> None:
    """The word error rate of a small recogniser stays under 15 % (9 to 13 by the model's noise), the audio is sane."""
    import torch

    wrong = total = 0
    for text in TEXTS:
        torch.manual_seed(0)  # the same noise at every run
        chunks = await say(provider, text)
        samples, seconds = joined(chunks), sum(chunk.seconds for chunk in chunks)
        assert samples.dtype == np.float32
        assert 0.2 < seconds / len(words(text)) < 0.8
        assert 0.02 < np.sqrt(np.mean(samples**2)) < 0.5
        assert np.abs(samples).max() < 1.0
        said = words(text)
        wrong += errors(said, recognise(samples, chunks[0].sample_rate))
        total += len(said)
    print(f"word error rate {wrong / total:.1%}")
    assert wrong / total < 0.15


async def test_it_knows_how_long_loading_took(provider: Provider) -> None:
    assert TOLD.load_seconds.keys() == {"joe"}
    assert 0 < TOLD.load_seconds["joe"] < 120


async def test_a_check_speaks_a_word(provider: CoquiProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    await provider.check()
    break_engine(monkeypatch)
    with pytest.raises(EngineFailed):
        await provider.check()


async def test_the_chunks_tell_where_their_time_went(provider: Provider) -> None:
    chunks = await say(provider, THREE)
    intervals = [interval for chunk in chunks for interval in chunk.intervals]
    assert intervals[0].stage is Stage.PHONEMIZE
    assert {interval.stage for interval in intervals} == {Stage.PHONEMIZE, Stage.QUEUE, Stage.INFER, Stage.DECODE}
    assert all(interval.seconds > 0 for interval in intervals)
    assert all(chunk.intervals for chunk in chunks)


async def test_there_is_a_pause_between_sentences(provider: Provider) -> None:
    samples = joined(await say(provider, THREE))
    rate = provider.voices()[0].sample_rate
    zeros = np.flatnonzero(samples == 0.0)
    runs = np.split(zeros, np.flatnonzero(np.diff(zeros) > 1) + 1)
    assert sum(len(run) >= round(PAUSE * rate) for run in runs) == 2


async def test_a_streams_first_chunk_is_short_and_comes_early(provider: Provider) -> None:
    text = TEXTS[4]
    first, second, *rest = await say(provider, text, listener=STREAM)
    frame = 256 / first.sample_rate
    assert [round(chunk.seconds / frame) for chunk in (first, second)] == list(FIRST_WINDOWS)
    whole = sum(chunk.seconds for chunk in await say(provider, text))
    assert first.seconds + second.seconds + sum(c.seconds for c in rest) == pytest.approx(whole, rel=0.2)
    assert rest


async def test_a_short_call_does_not_wait_for_a_long_one(provider: Provider) -> None:
    ended: list[str] = []

    async def speak(name: str, text: str) -> None:
        await say(provider, text)
        ended.append(name)

    await asyncio.gather(speak("long", "This is a sentence. " * 20), speak("short", "This is one."))
    assert ended == ["short", "long"]


async def test_work_ends_when_the_listener_leaves(provider: Provider) -> None:
    stream = provider.speak(utterance(provider, "This is a sentence. " * 20), STREAM)
    await anext(stream)
    await stream.aclose()
    assert provider.load().audio_seconds == 0
    chunks = await say(provider, "Next.")
    waited = sum(interval.seconds for c in chunks for interval in c.intervals if interval.stage is Stage.QUEUE)
    assert waited < 0.3  # for the steps that were being taken


async def test_a_cancelled_call_leaves_the_queue(provider: Provider) -> None:
    tasks = [asyncio.create_task(say(provider, TEXTS[0])) for _ in range(8)]
    await asyncio.sleep(0)
    for task in tasks[1:]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(chunk.seconds for chunk in results[0]) > 2
    assert all(isinstance(result, asyncio.CancelledError) for result in results[1:])


@pytest.mark.parametrize("text", ["🙂", "字"])
async def test_signs_are_called_by_their_names(provider: Provider, text: str) -> None:
    assert np.abs(joined(await say(provider, text))).max() > 0.05


async def test_unpunctuated_text_is_cut_into_sentences_that_fit_in_memory(provider: Provider) -> None:
    (voice,) = provider._voices.values()  # type: ignore[attr-defined]
    text = _prepare(voice, utterance(provider, "the river runs along the hills and " * 18), 0)
    assert len(text.sentences) > 1
    assert max(text.seconds) < 35


async def test_the_expected_length_is_near_the_real_one(catalogue: Catalogue, provider: Provider) -> None:
    (voice,) = provider._voices.values()  # type: ignore[attr-defined]
    for text in (TEXTS[0], "This is a sentence. " * 5):
        seconds = sum(chunk.seconds for chunk in await say(provider, text))
        prepared = _prepare(voice, utterance(provider, text), 0)
        assert 0.7 < sum(prepared.seconds) / seconds < 1.4


async def test_the_event_loop_stays_free_while_it_speaks(provider: Provider) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(say(provider, "This is a sentence. " * 4))
    begun = last = loop.time()
    longest = 0.0
    while not task.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, loop.time() - last), loop.time()
    await task
    assert longest < (last - begun) / 5  # a sentence that it waited for would be more


async def test_a_failure_of_the_model_is_the_engines_and_says_nothing_of_the_text(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_engine(monkeypatch)
    with pytest.raises(EngineFailed, match=r"^the speech engine failed$"):
        await say(provider, "canary")


@pytest.mark.parametrize(("device", "reason"), [("cuda:99", "GPUs"), ("tpu", "there is no device 'tpu'")])
async def test_a_device_that_is_not_there(catalogue: Catalogue, device: str, reason: str) -> None:
    provider = make_provider(catalogue, device)
    with pytest.raises(EngineFailed, match=reason):
        await provider.start(TOLD)
    await provider.close()


async def test_a_voice_that_breaks_after_the_scan_is_left_out_by_name(
    catalogue: Catalogue, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(catalogue.voices["joe"], folder=tmp_path)
    provider = make_provider(Catalogue({"joe": broken}, ()))
    with pytest.raises(EngineFailed, match="no voice could be loaded"):
        await provider.start(TOLD)
    assert "the voice joe can't be loaded" in caplog.text
    await provider.close()


async def test_after_close_it_says_so(catalogue: Catalogue) -> None:
    provider = make_provider(catalogue)
    await provider.start(TOLD)
    await provider.close()
    with pytest.raises(ShuttingDown):
        await say(provider, "Hello.")
