"""When each word is said: as a recogniser hears it, in whole answers and in streams, and nothing of it in the cache."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from server.providers.coqui import CoquiProvider
from server.text import ssml
from server.utterance import Listener, Word
from server.voices.catalogue import Catalogue
from tests.http_calls import speak
from tests.humming_provider import Told
from tests.provider_speech import joined, utterance
from tests.recognition import when, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = (
    "The quick brown fox jumps over the lazy dog.",
    "Please call Stella, and ask her to bring these things with her from the store.",
    "The old man walked slowly along the river bank and watched the boats. Children played near the bridge.",
    "The weather was so bad that the ships could not leave the harbor.",
)
USUAL, MOST = 0.06, 0.2
"""Seconds by which a word's beginning may differ from where the recogniser hears it: on average, and at most. Its own
frames are 10 ms, and where a sound begins that grows out of the one before is a matter of taste."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(voices_folder: Path) -> AsyncIterator[CoquiProvider]:
    voices = Catalogue.scan(voices_folder).voices.values()
    provider = CoquiProvider(voices, device="cpu", threads=2, max_audio_seconds=60.0, log=logging.getLogger("test"))
    await provider.start(Told())
    yield provider
    await provider.close()


async def timed(
    provider: CoquiProvider, text: str, speed: float = 1.0, *, streamed: bool = False
) -> tuple[list[Word], np.ndarray]:
    asked = replace(utterance(provider, text, speed), timed=True)
    chunks = [chunk async for chunk in provider.speak(asked, Listener(streamed=streamed))]
    return [word for chunk in chunks for word in chunk.words], joined(chunks)


@pytest.mark.parametrize("speed", [1.0, 1.5])
async def test_words_are_where_a_recogniser_hears_them(provider: CoquiProvider, speed: float) -> None:
    starts: list[float] = []
    for text in TEXTS:
        told, samples = await timed(provider, text, speed)
        assert [word.written for word in told] == text.split()
        heard = when(samples, 22050, words(text))
        starts += [word.start - start for word, (start, _) in zip(told, heard, strict=True)]
    apart = np.abs(starts)
    print(f"words begin {apart.mean():.3f} s apart on average, {apart.max():.3f} at most")
    assert apart.mean() < USUAL
    assert apart.max() < MOST


async def test_words_are_in_order_and_within_the_audio_however_it_is_written(provider: CoquiProvider) -> None:
    text = "Dr. Smith paid $3.50 for 5 km of rope, e.g. in the U.S., of the one he had. 🇫🇷 " + "and so on " * 60
    told, samples = await timed(provider, text, streamed=True)
    assert [word.written for word in told[:8]] == ["Dr.", "Smith", "paid", "$3.50", "for", "5 km", "of", "rope,"]
    assert "🇫🇷" not in [word.written for word in told]
    edges = [edge for word in told for edge in (word.start, word.end)]
    assert edges == sorted(edges)
    assert edges[0] >= 0
    assert edges[-1] <= len(samples) / 22050


async def test_breaks_move_the_words_after_them(provider: CoquiProvider) -> None:
    passages = ssml.parse('<speak><break time="1s"/>One <break time="2s"/> two.</speak>', "en", 10.0)
    asked = replace(utterance(provider, "One two."), passages=passages, timed=True)
    chunks = [chunk async for chunk in provider.speak(asked, Listener())]
    one, two = (word for chunk in chunks for word in chunk.words)
    silence = np.flatnonzero(joined(chunks) == 0)
    assert one.start > 1.0
    assert two.start - one.end > 2.0
    assert len(silence) >= 3 * 22050


async def test_nothing_is_told_to_who_did_not_ask(provider: CoquiProvider) -> None:
    chunks = [chunk async for chunk in provider.speak(utterance(provider, TEXTS[0]), Listener())]
    assert not any(chunk.words for chunk in chunks)


@pytest.mark.parametrize("response_format", ["wav", "mp3"])
async def test_a_whole_answer_is_json(server_url: str, response_format: str) -> None:
    _, headers, body = await asyncio.to_thread(
        speak, server_url, TEXTS[0], timestamps=True, response_format=response_format
    )
    assert headers["Content-Type"] == "application/json"
    assert headers["X-TTS-Cache"] == "bypass"
    answer = json.loads(body)
    assert answer["audio_format"] == response_format
    assert [word["word"] for word in answer["timestamps"]] == TEXTS[0].split()
    assert all(0 <= word["start_time"] <= word["end_time"] for word in answer["timestamps"])
    audio = base64.b64decode(answer["audio"])
    if response_format == "wav":
        with wave.open(io.BytesIO(audio)) as file:
            assert answer["timestamps"][-1]["end_time"] <= file.getnframes() / file.getframerate()


async def test_a_stream_is_events_whose_words_come_no_later_than_their_audio(server_url: str) -> None:
    text = " ".join(TEXTS)
    *_, body = await asyncio.to_thread(speak, server_url, text, timestamps=True, stream=True, response_format="pcm")
    events = [json.loads(line.removeprefix("data: ")) for line in body.decode().split("\n\n") if line]
    assert [event["type"] for event in events[-1:]] == ["speech.audio.done"]
    told: list[str] = []
    sent = 0.0
    for event in events[:-1]:
        for word in event.get("timestamps", ()):
            told.append(word["word"])
            assert (
                word["start_time"] >= sent - 0.1
            )  # what the resampler and the encoder hold back, they hold back of both
        sent += len(base64.b64decode(event["audio"])) / 2 / 24_000
    assert told == text.split()


async def test_the_second_answer_has_its_words_too(server_url: str) -> None:
    text = "A text that is asked for again."
    await asyncio.to_thread(speak, server_url, text)
    _, headers, body = await asyncio.to_thread(speak, server_url, text, timestamps=True)
    assert headers["X-TTS-Cache"] == "bypass"
    assert len(json.loads(body)["timestamps"]) == 7
    _, headers, _ = await asyncio.to_thread(speak, server_url, text)
    assert headers["X-TTS-Cache"] == "hit"
