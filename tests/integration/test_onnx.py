"""The local engine's fallback: the same voice on onnxruntime, which says the same in the same way."""

from __future__ import annotations

import asyncio
import logging
import shutil
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from otel.contract.values import Stage
from server.engine.noise import NoiseKey
from server.engine.vocabulary import Vocabulary
from server.errors import EngineFailed, ShuttingDown
from server.providers.coqui import CoquiProvider
from server.providers.onnx import OnnxProvider, PiperModel
from server.providers.onnx_session import load_session
from server.providers.piper_noise import SOUND, noise_inputs, with_noise_inputs
from server.text.phonemes import Phonemizer
from server.text.reading import PAUSE
from server.utterance import Ability, Chunk, Listener
from server.voices import checkpoint
from server.voices.catalogue import Catalogue, InstalledVoice
from server.voices.piper import PiperConfig
from tests import provider_speech
from tests.humming_provider import Told
from tests.provider_behaviour import EveryProvider
from tests.provider_speech import THREE, joined, say, utterance, word_error_rate
from tests.recognition import errors, recognise, words

TEXTS = (
    *provider_speech.TEXTS,
    "The quick brown fox jumps over the lazy dog.",
    "We will meet again tomorrow morning at the station, unless it begins to rain.",
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def joe(voices_folder: Path) -> InstalledVoice:
    return Catalogue.scan(voices_folder).voices["joe"]


def make(*voices: InstalledVoice, max_audio_seconds: float = 60.0) -> OnnxProvider:
    return OnnxProvider(voices, threads=2, max_audio_seconds=max_audio_seconds, log=logging.getLogger("test"))


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(joe: InstalledVoice, told: Told) -> AsyncIterator[OnnxProvider]:
    provider = make(joe)
    await provider.start(told)
    yield provider
    await provider.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def torch_provider(joe: InstalledVoice) -> AsyncIterator[CoquiProvider]:
    provider = CoquiProvider([joe], device="cpu", threads=2, max_audio_seconds=60.0, log=logging.getLogger("test"))
    await provider.start(Told())
    yield provider
    await provider.close()


class TestAsEveryProvider(EveryProvider):
    pass


async def test_the_time_of_its_threads_is_reported(joe: InstalledVoice) -> None:
    provider, told = make(joe), Told()
    await provider.start(told)
    assert told.thread_seconds == []
    chunks = await say(provider, THREE)
    inferring = [each.nanos / 1e9 for chunk in chunks for each in chunk.intervals if each.stage is Stage.INFER]
    assert [seconds for _, seconds in told.thread_seconds] == pytest.approx(inferring)
    await provider.close()


async def test_it_has_the_local_engines_voice(provider: OnnxProvider, joe: InstalledVoice, told: Told) -> None:
    assert provider.voices() == (joe.voice,)
    assert told.load_seconds == {}  # the gauge of load times is the local engine's
    assert provider.load().rate > 1.0


async def test_it_reads_as_the_local_engine_does(joe: InstalledVoice) -> None:
    """Ids differ by the order of the two vocabularies; the symbols that they stand for are the same."""
    assert joe.onnx is not None
    assert joe.onnx_config is not None
    config = PiperConfig.read(joe.onnx_config)
    model = PiperModel(joe.onnx, config)
    tokenizer = checkpoint.load(joe.config, joe.model).tokenizer
    names = {ids[0]: symbol for symbol, ids in config.phoneme_id_map.items()}
    texts = (*TEXTS, "$1,234.56 for Dr. Smith — façade, naïve, 字!", "x\u0301\u0301 y", "He said: “no”; (really) 50 %…")
    for text in texts:
        for symbols in Phonemizer().phonemize(text, joe.phonemizer):
            ids, known = model.encode(symbols)
            others, others_known = Vocabulary.of(tokenizer).encode(symbols)
            assert [names[i] for i in ids] == [tokenizer.characters.id_to_char(i) for i in others]
            assert known == others_known


async def test_the_same_seed_makes_the_same_samples_beside_other_speech(provider: OnnxProvider) -> None:
    async def speak(seed: int) -> np.ndarray:
        asked = replace(utterance(provider, THREE), seed=seed)
        return joined([chunk async for chunk in provider.speak(asked, Listener())])

    alone = await speak(7)
    same, other, again = await asyncio.gather(speak(7), speak(8), speak(7))
    assert np.array_equal(alone, same)
    assert np.array_equal(alone, again)
    assert not np.array_equal(alone, other)
    assert Ability.SEED in provider.abilities


async def test_noise_from_outside_changes_nothing_else(joe: InstalledVoice) -> None:
    """Without noise, the model says what its file says; with little noise, it goes on when that has run out."""
    assert joe.onnx is not None
    content, channels = with_noise_inputs(joe.onnx)
    (ours, options), (stock, _) = load_session(content), load_session(joe.onnx)
    ids = [1, 0, 20, 0, 59, 0, 24, 0, 27, 0, 2]
    inputs = {"input": np.array([ids]), "input_lengths": np.array([len(ids)]), "scales": np.zeros(3, np.float32)}
    inputs["scales"][1] = 1.0
    noise = noise_inputs(NoiseKey(), len(ids), channels, 1.0)
    [expected] = stock.run(None, inputs, options)
    [samples] = ours.run(None, inputs | noise, options)
    assert np.array_equal(samples, expected)
    short = noise | {SOUND: noise[SOUND][:3]}
    inputs["scales"][0] = 0.667
    [samples] = ours.run(None, inputs | short, options)
    assert samples.shape == expected.shape
    assert np.isfinite(samples).all()


async def test_it_is_understood(provider: OnnxProvider) -> None:
    """The word error rate of a small recogniser stays under 15 %, as of the local engine."""
    rate = word_error_rate([(text, await say(provider, text)) for text in TEXTS])
    print(f"word error rate {rate:.1%}")
    assert rate < 0.15


async def test_it_is_as_loud_and_as_long_as_the_local_engine(
    provider: OnnxProvider, torch_provider: CoquiProvider
) -> None:
    def measure(chunks: list[list[Chunk]]) -> tuple[float, float]:
        samples = np.concatenate([joined(each) for each in chunks])
        return float(np.sqrt(np.mean(samples**2))), len(samples) / 22_050

    loudness, seconds = measure([await say(provider, text) for text in (*TEXTS, THREE)])
    expected_loudness, expected_seconds = measure([await say(torch_provider, text) for text in (*TEXTS, THREE)])
    print(f"loudness {loudness / expected_loudness:.3f}, length {seconds / expected_seconds:.3f} of the local engine's")
    assert loudness == pytest.approx(expected_loudness, rel=0.15)
    assert seconds == pytest.approx(expected_seconds, rel=0.15)


async def test_a_chunk_is_a_sentence_and_tells_where_its_time_went(provider: OnnxProvider) -> None:
    first, *rest = await say(provider, THREE)
    assert [interval.stage for interval in first.intervals] == [Stage.PHONEMIZE, Stage.QUEUE, Stage.INFER]
    assert len(rest) == 2
    for chunk in rest:
        assert [interval.stage for interval in chunk.intervals] == [Stage.QUEUE, Stage.INFER]
    assert all(chunk.intervals[-1].seconds > 0 for chunk in (first, *rest))


async def test_there_is_a_pause_between_sentences(provider: OnnxProvider) -> None:
    *first, last = await say(provider, THREE, speed=2.0)
    silence = round(PAUSE / 2.0 * 22_050)
    for chunk in first:
        assert not chunk.samples[-silence:].any()
        assert chunk.samples[: -silence - 1].any()
    assert last.samples[-silence:].any()


async def test_eight_at_once_get_their_own_audio(provider: OnnxProvider) -> None:
    said = await asyncio.gather(*(say(provider, text) for text in TEXTS[:8]))
    assert word_error_rate(list(zip(TEXTS[:8], said, strict=True))) < 0.15
    for text, chunks in zip(TEXTS, said, strict=False):
        heard = recognise(joined(chunks), 22_050)
        assert min(TEXTS, key=lambda other: errors(words(other), heard)) == text


async def test_it_tells_who_waits_and_what_is_still_to_be_made(
    provider: OnnxProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, real = threading.Event(), PiperModel.speak
    monkeypatch.setattr(PiperModel, "speak", lambda self, *phrase: go_on.wait(60) and real(self, *phrase))
    streams = [provider.speak(utterance(provider, THREE), Listener()) for _ in range(5)]
    firsts = [asyncio.ensure_future(anext(stream)) for stream in streams]
    async with asyncio.timeout(60):
        # All five are read, of 2.9 s each, and two have begun.
        while provider.load().audio_seconds < 14 or provider.load().depth > 3:
            await asyncio.sleep(0.001)
    try:
        assert provider.load().depth == 3
    finally:
        go_on.set()
    await asyncio.gather(*firsts)
    for stream in streams:
        await stream.aclose()
    assert (provider.load().depth, provider.load().audio_seconds) == (0, 0.0)


async def test_who_leaves_costs_no_more_than_a_sentence(
    provider: OnnxProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[int] = []
    real = PiperModel.speak
    monkeypatch.setattr(PiperModel, "speak", lambda self, ids, *rest: spoken.append(len(ids)) or real(self, ids, *rest))
    stream = provider.speak(utterance(provider, "This is a sentence. " * 20), Listener())
    await anext(stream)
    await stream.aclose()
    await say(provider, "Next.")
    assert len(spoken) == 2
    tasks = [asyncio.create_task(say(provider, "This is a sentence. " * 20)) for _ in range(3)]
    async with asyncio.timeout(60):
        while len(spoken) < 4:
            await asyncio.sleep(0.001)
    for task in tasks:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    at_most = len(spoken)
    await say(provider, "Next.")
    assert len(spoken) <= at_most + 3  # the two that may just have begun, and this one
    assert provider.load().audio_seconds == 0


@pytest.mark.parametrize("text", ["🙂", "字"])
async def test_signs_are_called_by_their_names(provider: OnnxProvider, text: str) -> None:
    assert np.abs(joined(await say(provider, text))).max() > 0.05


async def test_text_without_an_end_is_cut_into_sentences(provider: OnnxProvider) -> None:
    chunks = await say(provider, "the river runs along the hills and " * 18)
    assert len(chunks) > 1
    assert max(chunk.seconds for chunk in chunks) < 35


async def test_a_failure_of_the_model_is_the_engines_and_passes(
    provider: OnnxProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("canary")

    with monkeypatch.context() as patch:
        patch.setattr(PiperModel, "speak", broken)
        with pytest.raises(EngineFailed, match=r"^the speech engine failed$") as caught:
            await say(provider, "canary")
        assert isinstance(caught.value.__cause__, RuntimeError)
        with pytest.raises(EngineFailed):
            await provider.check()
    await provider.check()
    assert await say(provider, "canary")


async def test_the_event_loop_stays_free_while_it_speaks(provider: OnnxProvider) -> None:
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(say(provider, "This is a sentence. " * 4))
    begun = last = loop.time()
    longest = 0.0
    while not task.done():
        await asyncio.sleep(0.001)
        longest, last = max(longest, loop.time() - last), loop.time()
    await task
    assert longest < (last - begun) / 5  # a sentence that it waited for would be more


async def test_a_voice_without_onnx_files_is_not_among_its_voices(joe: InstalledVoice) -> None:
    provider = make(replace(joe, has_onnx=False))
    assert provider.voices() == ()
    await provider.start(Told())
    with pytest.raises(EngineFailed, match=r"python -m server\.voices install"):
        await provider.check()
    await provider.close()


async def test_a_voice_that_breaks_after_the_scan_is_left_out_by_name(
    joe: InstalledVoice, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "ann"
    shutil.copytree(joe.folder, broken)
    (broken / "voice.onnx").write_bytes(b"noise")
    ann = replace(joe, voice=replace(joe.voice, name="ann"), folder=broken)
    provider = make(ann, joe)
    await provider.start(Told())
    assert provider.voices() == (joe.voice,)
    assert "the voice ann can't be loaded" in caplog.text
    assert await say(provider, "Hello.")
    await provider.close()
    provider = make(ann)
    with pytest.raises(EngineFailed, match="no voice could be loaded"):
        await provider.start(Told())
    await provider.close()


async def test_close_ends_those_that_wait_and_those_that_come_and_all_threads(joe: InstalledVoice) -> None:
    provider = make(joe)
    await provider.start(Told())
    tasks = [asyncio.create_task(say(provider, "This is a sentence. " * 5)) for _ in range(6)]
    async with asyncio.timeout(60):
        while provider.load().depth < 4:
            await asyncio.sleep(0.001)
    await provider.close()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, ShuttingDown) for result in results)
    with pytest.raises(ShuttingDown):
        await say(provider, "Hello.")
    await provider.close()
    left = [t.name for t in threading.enumerate() if t.name.startswith("onnx")]
    assert len(left) <= 3  # the other provider's: two that speak, one that reads
