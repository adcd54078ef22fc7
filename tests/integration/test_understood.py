"""What arrives is understood: each English voice through MP3, the format that most clients ask for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from server.audio.coding import AAC_FRAME
from tests.http_calls import post
from tests.provider_speech import TEXTS
from tests.recognition import errors, recognise, words
from tests.server_process import LiveServer

VOICES = ("joe", "hibari")


@pytest.fixture(scope="module")
def url(data_dir: Path) -> Iterator[str]:
    with LiveServer(data_dir, TTSCOPE_PROVIDERS="onnx,hibari") as server:
        yield server.wait_until_ready().url
        assert server.stop() == 0


def speech(url: str, voice: str, text: str, response_format: str) -> bytes:
    body = {"model": "tts-1", "voice": voice, "input": text, "response_format": response_format}
    return post(f"{url}/v1/audio/speech", body)[2]


def heard(data: bytes) -> tuple[np.ndarray, int]:
    """The samples, and their rate."""
    with av.open(io.BytesIO(data)) as container:
        rate = container.streams.audio[0].rate
        return np.concatenate([frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]), rate


@pytest.mark.parametrize("voice", VOICES)
def test_each_voice_is_understood_through_mp3(url: str, voice: str) -> None:
    wrong = total = 0
    for text in TEXTS:
        samples, rate = heard(speech(url, voice, text, "mp3"))
        said = words(text)
        wrong += errors(said, recognise(samples, rate))
        total += len(said)
    print(f"word error rate of {voice}: {wrong / total:.1%}")
    assert wrong / total < 0.15


@pytest.mark.parametrize("voice", VOICES)
def test_aac_is_as_long_as_it_should_be_but_for_a_frame(url: str, voice: str) -> None:
    for text in TEXTS:
        seconds = len(speech(url, voice, text, "pcm")) / 2 / 24000
        samples, rate = heard(speech(url, voice, text, "aac"))
        assert -1 / rate < len(samples) / rate - seconds < AAC_FRAME / rate
