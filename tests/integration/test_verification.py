"""Requests with ``verify`` to a service whose voice leaves out or repeats words: real HTTP, speech and recogniser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import pytest

from probe.speech_client import SAMPLE_RATE
from server.app import Service
from server.settings import Settings
from server.verification.backends import BACKENDS, hear
from server.verification.recognisers import installed, is_sound
from server.verification.spoken_words import spoken_words
from server.verification.word_errors import WordErrors, compare
from tests.clip_judgement import hibari
from tests.service_client import Client, samples
from tests.stuttering_provider import StutteringProvider, as_it_is, dropped, garbled, repeated

DROPPED = "Please call Stella, and ask her to bring these things with her from the store."
REPEATED = "All happy families are alike, but every unhappy family is unhappy in its own way."
TWICE = "The old man walked slowly along the river and watched the boats near the bridge."
NEVER = "Children played near the bridge, and a cold wind began to blow from the hills."
SOUND = "It was raining when the last train left the station at half past nine."
UNVERIFIED = "She opened the letter with great care and read it twice before she spoke to him."
SPOILS = {
    DROPPED: (dropped, as_it_is),
    REPEATED: (repeated, as_it_is),
    TWICE: (repeated, dropped, as_it_is),
    NEVER: (garbled, dropped, garbled),
    UNVERIFIED: (dropped, as_it_is),
}


@dataclass(frozen=True)
class Answer:
    """What a client gets, and what is wrong with the words that it hears."""

    result: str | None
    word_error_rate: float | None
    """As the header says."""
    errors: WordErrors


@pytest.fixture
def provider() -> StutteringProvider:
    return StutteringProvider(hibari(), SPOILS)


@pytest.fixture
async def client(tmp_path: Path, provider: StutteringProvider) -> AsyncIterator[Client]:
    service = Service(Settings(port=0, management_port=0, data_dir=tmp_path, default_voice="hibari"), [provider])
    await (await service.start())
    async with aiohttp.ClientSession() as session:
        yield Client(service, session)
    await service.stop()


async def spoken(client: Client, text: str, **fields: object) -> Answer:
    status, headers, body = await client.tts({"text": text, "response_format": "pcm", **fields})
    assert status == 200
    assert headers["X-TTS-Cache"] == ("bypass" if fields else "miss")
    recogniser = installed()
    assert recogniser is not None
    clip = np.frombuffer(body, "<i2").astype(np.float32) / np.float32(32768)
    heard = await asyncio.to_thread(hear, BACKENDS[recogniser](), clip, SAMPLE_RATE)
    rate = headers.get("X-TTS-Word-Error-Rate")
    errors = compare(spoken_words(text), spoken_words(heard))
    return Answer(headers.get("X-TTS-Verification"), rate and float(rate), errors)


async def test_a_clip_with_wrong_words_is_made_again_before_it_is_sent(
    client: Client, provider: StutteringProvider
) -> None:
    for text, clips in ((DROPPED, 2), (REPEATED, 2), (TWICE, 3), (SOUND, 1)):
        answer = await spoken(client, text, verify=True)
        assert answer.result == ("passed" if clips == 1 else "corrected")
        assert answer.word_error_rate is not None
        assert answer.word_error_rate <= 0.3
        assert is_sound(answer.errors)
        assert provider.clips[text] == clips

    # each clip is wrong: the client gets the best one, which is the second, and is told
    answer = await spoken(client, NEVER, verify=True)
    assert answer.result == "failed"
    assert answer.word_error_rate is not None
    assert 0.2 < answer.word_error_rate < 0.6
    assert 3 <= answer.errors.missing < answer.errors.words / 2
    assert provider.clips[NEVER] == 3

    # without verify nobody listens
    answer = await spoken(client, UNVERIFIED)
    assert (answer.result, answer.word_error_rate) == (None, None)
    assert answer.errors.missing >= 3
    assert provider.clips[UNVERIFIED] == 1

    metrics = await client.prometheus()
    counts = {"passed": 1, "corrected": 3, "failed": 1, "unverified": 0}
    for result, count in counts.items():
        assert sum(samples(metrics, "tts_verifications_total", result=result)) == count
    assert sum(samples(metrics, "tts_verification_duration_seconds_count")) == 5
    assert sum(samples(metrics, "tts_requests_total", outcome="ok")) == 6
