"""The small second voice: it says what it is given, offline, and behaves as the other providers do."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from otel.contract.values import Stage
from server.engine.noise import NoiseKey
from server.errors import EngineFailed, NothingToSpeak, ShuttingDown
from server.providers import hibari
from server.providers.hibari import HibariVoice
from server.providers.packaged import PackagedProvider, checksum
from server.text.reading import PAUSE, read_utterance
from server.utterance import Ability, Listener
from tests.humming_provider import Told
from tests.provider_behaviour import EveryProvider
from tests.provider_speech import TEXTS, THREE, joined, say, utterance, word_error_rate
from tests.recognition import errors, recognise, words
from tests.server_process import ROOT

pytestmark = pytest.mark.asyncio(loop_scope="module")


def make(max_audio_seconds: float = 60.0) -> PackagedProvider:
    return PackagedProvider(
        HibariVoice(), threads=2, max_audio_seconds=max_audio_seconds, log=logging.getLogger("test")
    )


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(told: Told) -> AsyncIterator[PackagedProvider]:
    provider = make()
    await provider.start(told)
    yield provider
    await provider.close()


class TestAsEveryProvider(EveryProvider):
    pass


async def test_it_is_one_english_voice(provider: PackagedProvider, told: Told) -> None:
    (voice,) = provider.voices()
    assert (voice.name, voice.languages, voice.sample_rate) == ("hibari", ("en", "en-us"), 24_000)
    assert told.load_seconds.keys() == {"hibari"}
    assert 0 < told.load_seconds["hibari"] < 60
    assert provider.load().rate > 1.0


async def test_its_checksum_is_that_of_its_files(tmp_path: Path) -> None:
    assert make().voices()[0].checksum == make().voices()[0].checksum
    file = tmp_path / "a.onnx"
    file.write_bytes(b"one")
    before = checksum("hibari-tts", [file])
    file.write_bytes(b"two")
    assert checksum("hibari-tts", [file]) != before


async def test_the_same_seed_makes_the_same_samples(provider: PackagedProvider) -> None:
    """Beside other speech too; its breath and hiss are noise, the rest is the same for every seed."""
    asked = replace(utterance(provider, THREE), seed=7)
    alone = joined([chunk async for chunk in provider.speak(asked, Listener())])

    async def speak(seed: int) -> np.ndarray:
        return joined([chunk async for chunk in provider.speak(replace(asked, seed=seed), Listener())])

    same, other, again = await asyncio.gather(speak(7), speak(8), speak(7))
    assert np.array_equal(alone, same)
    assert np.array_equal(alone, again)
    assert other.shape == alone.shape
    assert not np.array_equal(alone, other)
    assert Ability.SEED in provider.abilities


async def test_it_is_understood(provider: PackagedProvider) -> None:
    said = [(text, await say(provider, text)) for text in TEXTS]
    rate = word_error_rate(said)
    print(f"word error rate {rate:.1%}")
    assert rate < 0.15
    for _, chunks in said:
        assert 0.02 < np.sqrt(np.mean(joined(chunks) ** 2)) < 0.5
        assert np.abs(joined(chunks)).max() <= 1.0


async def test_a_chunk_is_a_sentence_and_tells_where_its_time_went(provider: PackagedProvider) -> None:
    first, *rest = await say(provider, THREE)
    assert [interval.stage for interval in first.intervals] == [Stage.PHONEMIZE, Stage.QUEUE, Stage.INFER]
    assert [[interval.stage for interval in chunk.intervals] for chunk in rest] == [[Stage.QUEUE, Stage.INFER]] * 2
    silence = round(PAUSE * first.sample_rate)
    assert not first.samples[-silence:].any()
    assert rest[-1].samples[-silence:].any()


async def test_eight_at_once_get_their_own_audio(provider: PackagedProvider) -> None:
    said = await asyncio.gather(*(say(provider, text) for text in TEXTS))
    for text, chunks in zip(TEXTS, said, strict=True):
        heard = recognise(joined(chunks), chunks[0].sample_rate)
        assert min(TEXTS, key=lambda other: errors(words(other), heard)) == text


async def test_who_leaves_costs_no_more_than_a_sentence(
    provider: PackagedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoken: list[int] = []
    real = hibari._speak

    def counted(model: object, ids: list[int], speed: float, key: NoiseKey) -> np.ndarray:
        spoken.append(len(ids))
        return real(model, ids, speed, key)

    monkeypatch.setattr(hibari, "_speak", counted)
    stream = provider.speak(utterance(provider, "This is a sentence. " * 20), Listener())
    await anext(stream)
    assert provider.load().audio_seconds > 10
    await stream.aclose()
    assert provider.load().audio_seconds == 0
    await say(provider, "Next.")
    assert len(spoken) == 2


@pytest.mark.parametrize("text", ["字", "🙂"])
async def test_there_must_be_something_that_it_can_speak(provider: PackagedProvider, text: str) -> None:
    with pytest.raises(NothingToSpeak):
        await say(provider, text)


async def test_the_expected_length_is_near_the_real_one(provider: PackagedProvider) -> None:
    voice = HibariVoice().load()["hibari"]
    for text in TEXTS[:3]:
        expected = sum(phrase.seconds for phrase in voice.plan(read_utterance(utterance(provider, text)), 0))
        seconds = sum(chunk.seconds for chunk in await say(provider, text))
        assert 0.7 < expected / seconds < 1.4


async def test_a_failure_of_the_model_is_the_engines_and_passes(
    provider: PackagedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> np.ndarray:
        raise RuntimeError("canary")

    with monkeypatch.context() as patch:
        patch.setattr(hibari, "_speak", broken)
        with pytest.raises(EngineFailed, match=r"^the speech engine failed$"):
            await say(provider, "canary")
        with pytest.raises(EngineFailed):
            await provider.check()
    await provider.check()


async def test_a_model_that_is_not_in_the_package_is_not_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hibari, "MODEL", "none.onnx")
    provider = make()
    with pytest.raises(EngineFailed, match="nothing is downloaded"):
        await provider.start(Told())
    with pytest.raises(EngineFailed, match="not loaded"):
        await provider.check()
    await provider.close()


async def test_it_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("somebody wanted a connection")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)
    provider = make()
    await provider.start(Told())
    assert await say(provider, "Hello there.")
    await provider.close()


async def test_after_close_it_says_so() -> None:
    provider = make()
    await provider.start(Told())
    await provider.close()
    with pytest.raises(ShuttingDown):
        await say(provider, "Hello.")


async def test_importing_and_making_it_imports_neither_hibari_nor_onnxruntime() -> None:
    program = (
        "import logging, sys\n"
        "from server.providers.hibari import HibariVoice\n"
        "from server.providers.onnx import OnnxProvider\n"
        "from server.providers.packaged import PackagedProvider\n"
        "PackagedProvider(HibariVoice(), threads=1, max_audio_seconds=1.0, log=logging.getLogger())\n"
        "OnnxProvider((), threads=1, max_audio_seconds=1.0, log=logging.getLogger())\n"
        "sys.exit(bool({'hibari', 'onnxruntime', 'piper', 'torch'} & sys.modules.keys()))\n"
    )
    command = await asyncio.create_subprocess_exec(sys.executable, "-c", program, cwd=ROOT)
    assert await asyncio.wait_for(command.wait(), 60) == 0
