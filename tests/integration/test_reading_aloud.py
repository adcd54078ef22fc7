"""The real voices read numbers, money and markup aloud: what is heard, and how long the silence and the speech are."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import wave
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from server.providers.coqui import CoquiProvider
from server.providers.hibari import HibariVoice
from server.providers.onnx import OnnxProvider
from server.providers.packaged import PackagedProvider
from server.providers.provider import Provider
from server.text import ssml
from server.text.reading import read_utterance
from server.utterance import Listener, Utterance
from server.voices.catalogue import Catalogue
from tests.http_calls import speak
from tests.humming_provider import Told
from tests.provider_speech import joined, say, utterance
from tests.recognition import errors, recognise, words

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEXTS = (
    "Dr. Smith paid $3.50 for the book.",
    "He was born on March 15th and moved there in 1984.",
    "The shop is open until 9:00 in the evening.",
    "Mrs. Jones walked 5 km along the river.",
    "It costs £20, e.g. for a good dinner.",
)
STREAM = Listener(streamed=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["coqui", "onnx", "hibari"])
async def provider(request: pytest.FixtureRequest, voices_folder: Path) -> AsyncIterator[Provider]:
    voices = Catalogue.scan(voices_folder).voices.values()
    common: dict[str, Any] = {"threads": 2, "max_audio_seconds": 60.0, "log": logging.getLogger("test")}
    makers = {
        "coqui": lambda: CoquiProvider(voices, device="cpu", **common),
        "onnx": lambda: OnnxProvider(voices, **common),
        "hibari": lambda: PackagedProvider(HibariVoice(), **common),
    }
    provider = makers[request.param]()
    await provider.start(Told())
    yield provider
    await provider.close()


def marked_up(provider: Provider, inside: str) -> Utterance:
    passages = ssml.parse(f"<speak>{inside}</speak>", "en", 10.0)
    plain = utterance(provider, " ".join(passage.text for passage in passages))
    return replace(plain, passages=passages)


async def heard(provider: Provider, spoken: Utterance, listener: Listener) -> tuple[np.ndarray, int]:
    chunks = [chunk async for chunk in provider.speak(spoken, listener)]
    return joined(chunks), chunks[0].sample_rate


def silences(samples: np.ndarray, rate: int) -> list[int]:
    """Samples of each stretch of zeros that is longer than 50 ms: no model makes one."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], samples == 0, [0])).astype(int)))
    return [int(length) for length in edges[1::2] - edges[::2] if length > rate / 20]


async def test_what_is_written_is_heard_as_it_is_said(provider: Provider) -> None:
    wrong = total = 0
    for text in TEXTS:
        asked = utterance(provider, text)
        chunks = await say(provider, text)
        said = words(read_utterance(asked).text.replace("5 k", "five k").replace("9 o'", "nine o'"))
        assert chunks[0].spoken_text == read_utterance(asked).text
        wrong += errors(said, recognise(joined(chunks), chunks[0].sample_rate))
        total += len(said)
    print(f"{provider.name}: word error rate {wrong / total:.1%}")
    assert wrong / total < 0.3


@pytest.mark.parametrize("listener", [Listener(), STREAM], ids=["whole", "stream"])
async def test_a_break_is_silence_of_its_length(provider: Provider, listener: Listener) -> None:
    spoken = marked_up(provider, '<break time="1200ms"/>First, <break time="1.5s"/> then. <break time="700ms"/>')
    samples, rate = await heard(provider, spoken, listener)
    assert silences(samples, rate) == [round(seconds * rate) for seconds in (1.2, 1.5, 0.7)]


@pytest.mark.parametrize("listener", [Listener(), STREAM], ids=["whole", "stream"])
async def test_the_rate_changes_the_length(provider: Provider, listener: Listener) -> None:
    text = "The quick brown fox jumps over the lazy dog."
    seconds = {}
    for rate in ("50%", "100%", "200%"):
        samples, hertz = await heard(
            provider, marked_up(provider, f'<prosody rate="{rate}">{text}</prosody>'), listener
        )
        seconds[rate] = len(samples) / hertz
    assert seconds["50%"] > 1.3 * seconds["100%"]
    assert seconds["200%"] < 0.8 * seconds["100%"]


async def test_a_stream_may_begin_with_a_long_break(server_url: str) -> None:
    for stream in (True, False):
        document = '<speak><break time="3s"/>Hello <sub alias="good">bad</sub> morning.</speak>'
        status, _, audio = await asyncio.to_thread(
            speak, server_url, document, input_type="ssml", stream=stream, cache=False
        )
        assert status == 200
        with wave.open(io.BytesIO(audio)) as file:
            rate = file.getframerate()
            samples = np.frombuffer(audio[44:], "<i2")
        assert not samples[: 3 * rate].any()
        assert samples[3 * rate : 4 * rate].any()


@pytest.mark.parametrize(
    ("body", "code", "param", "part"),
    [
        ({"text": "<speak>Hi</speak>"}, "invalid_markup", "input_type", '"input_type": "ssml"'),
        ({"text": "<speak><audio/></speak>", "input_type": "ssml"}, "invalid_markup", "text", "audio"),
        ({"text": "<speak><break time='1s'/></speak>", "input_type": "ssml"}, "nothing_to_speak", "text", "nothing"),
        ({"text": "Hi", "input_type": "html"}, "invalid_request", "input_type", "ssml"),
    ],
)
async def test_markup_is_refused_clearly(
    server_url: str, body: dict[str, str], code: str, param: str, part: str
) -> None:
    status, _, answer = await asyncio.to_thread(speak, server_url, **body)
    error = json.loads(answer)["error"]
    assert (status, error["code"], error["param"]) == (422, code, param)
    assert part in error["message"]


async def test_markup_is_not_counted(server_url: str) -> None:
    document = "<speak>one two <break/> three</speak>"
    _, headers, _ = await asyncio.to_thread(speak, server_url, document, input_type="ssml")
    assert headers["X-TTS-Word-Count-Range"] == "1-10"
    assert headers["X-TTS-Character-Count-Range"] == "1-50"
