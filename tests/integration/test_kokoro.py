"""Kokoro's Japanese voices: no recogniser of Japanese is at hand, so length, sound and silence have to tell."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio

from server.audio.quality import Inspector
from server.errors import NothingToSpeak
from server.providers.kokoro import SAMPLE_RATE, KokoroVoices
from server.providers.packaged import PackagedProvider
from server.text import ssml
from server.text.counts import count_words
from server.utterance import Chunk, Listener, Utterance, Voice
from tests.humming_provider import Told

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXT = "こんにちは。今日は良い天気ですね。駅まで歩いて行きましょう。"
TOLD = Told()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[PackagedProvider]:
    provider = PackagedProvider(KokoroVoices(), threads=2, max_audio_seconds=60.0, log=logging.getLogger("test"))
    await provider.start(TOLD)
    yield provider
    await provider.close()


def asked(voice: Voice, text: str = TEXT, speed: float = 1.0) -> Utterance:
    return Utterance(text, voice, "ja", count_words(text, "ja"), len(text), speed)


async def said(provider: PackagedProvider, utterance: Utterance) -> list[Chunk]:
    return [chunk async for chunk in provider.speak(utterance, Listener())]


def seconds(chunks: list[Chunk]) -> float:
    return sum(chunk.seconds for chunk in chunks)


async def test_every_voice_speaks_and_sounds_sane(provider: PackagedProvider) -> None:
    assert [voice.name for voice in provider.voices()] == [
        "jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo"
    ]  # fmt: skip
    assert TOLD.load_seconds.keys() == {voice.name for voice in provider.voices()}
    heard = {}
    for voice in provider.voices():
        utterance = asked(voice)
        chunks = await said(provider, utterance)
        assert len(chunks) == 3
        inspector = Inspector(utterance)
        inspector.expect(chunks[0].expected or 0.0, chunks[0].spoken_text)
        for chunk in chunks:
            assert chunk.sample_rate == SAMPLE_RATE
            inspector.add(chunk.samples, chunk.sample_rate)
        quality = inspector.verdict()
        assert quality.usable
        assert not quality.faults
        assert 2.5 < quality.seconds < 9
        heard[voice.name] = chunks[0].samples
    assert len({samples.tobytes() for samples in heard.values()}) == len(heard)


async def test_speed_and_markup(provider: PackagedProvider) -> None:
    voice = provider.voices()[0]
    usual = seconds(await said(provider, asked(voice)))
    assert seconds(await said(provider, asked(voice, speed=2.0))) < 0.75 * usual
    passages = ssml.parse('<speak>こんにちは。<break time="2s"/>さようなら。</speak>', "ja", 10.0)
    chunks = await said(provider, replace(asked(voice, "こんにちは。 さようなら。"), passages=passages))
    silence = np.concatenate([chunk.samples for chunk in chunks]) == 0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silence, [0])).astype(int)))
    assert max(edges[1::2] - edges[::2]) >= 2 * SAMPLE_RATE


async def test_nothing_and_odd_things(provider: PackagedProvider) -> None:
    voice = provider.voices()[0]
    with pytest.raises(NothingToSpeak):
        await said(provider, asked(voice, "。。。"))
    for text in ("Hello world", "123", "コ" * 100, "😀です"):
        assert seconds(await said(provider, asked(voice, text))) > 0.1
    await provider.check()
