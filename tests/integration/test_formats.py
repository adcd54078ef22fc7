"""Every format over real HTTP, of a provider that hums and of the real voice; all of them of one synthesis."""

from __future__ import annotations

import asyncio
import io
import json
import time
import urllib.request
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import av
import numpy as np
import pytest

from server.audio.formats import FORMATS, SAMPLE_RATES
from server.audio.loudness import measure
from server.audio.wav import floats
from server.utterance import Chunk, Listener, Utterance
from tests.http_calls import speak
from tests.humming_provider import HummingProvider
from tests.service_client import Start, samples

TEXT = "The quick brown fox jumps over the lazy dog. It was not even tired."
FRAME_SECONDS = {"mp3": 576 / 22050, "opus": 0.02, "aac": 1024 / 22050, "flac": 0.0, "wav": 0.0, "pcm": 1 / 24000}


class Halting(HummingProvider):
    """Stops after the first sentence, until there may be ``more``."""

    def __init__(self) -> None:
        super().__init__()
        self.more = asyncio.Event()

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        async with aclosing(super().speak(utterance, listener)) as chunks:
            async for chunk in chunks:
                yield chunk
                await self.more.wait()


def heard(data: bytes, name: str) -> tuple[np.ndarray, int]:
    """The samples, shape (samples,), and their rate."""
    if name == "pcm":
        return floats(data), 24000
    with av.open(io.BytesIO(data)) as container:
        rate = container.streams.audio[0].rate
        frames = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    samples = np.concatenate(frames)
    return (samples / 32767 if samples.dtype == np.int16 else samples).astype(np.float32), rate


@pytest.fixture(scope="module")
def spoken(server_url: str) -> dict[str, tuple[dict[str, str], bytes]]:
    """The same text of the real voice in every format."""
    return {name: speak(server_url, TEXT, response_format=name)[1:] for name in FORMATS}


@pytest.mark.parametrize("name", FORMATS)
def test_the_real_voice_takes_as_long_in_every_format(spoken: dict[str, Any], name: str) -> None:
    headers, body = spoken[name]
    assert headers["Content-Type"] == FORMATS[name].content_type
    assert int(headers["Content-Length"]) == len(body)
    assert headers["X-TTS-Cache"] == ("miss" if name == next(iter(FORMATS)) else "hit")
    assert "encode;dur=" in headers["Server-Timing"]
    whole, rate = heard(spoken["wav"][1], "wav")
    audio, other_rate = heard(body, name)
    assert len(audio) / other_rate == pytest.approx(len(whole) / rate, abs=FRAME_SECONDS[name] + 1 / 24000)
    assert float(np.sqrt(np.mean(audio**2))) == pytest.approx(float(np.sqrt(np.mean(whole**2))), rel=0.06)


def band(audio: np.ndarray, rate: int, low: float, high: float) -> float:
    """The power between two pitches in dB, of the whole clip."""
    spectrum = np.abs(np.fft.rfft(audio)) ** 2 / len(audio) ** 2
    pitches = np.fft.rfftfreq(len(audio), 1 / rate)
    return float(10 * np.log10(spectrum[(pitches >= low) & (pitches < high)].sum() + 1e-20))


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_the_real_voice_is_the_same_at_every_rate(spoken: dict[str, Any], server_url: str, rate: int) -> None:
    whole, own_rate = heard(spoken["wav"][1], "wav")
    for name, frame in (("wav", 0.0), ("mp3", 1152 / rate)):
        status, headers, body = speak(server_url, TEXT, response_format=name, sample_rate=rate)
        assert (status, headers["X-TTS-Cache"]) == (200, "hit")  # what is cached has no format
        audio, heard_rate = heard(body, name)
        assert heard_rate == rate
        assert len(audio) / rate == pytest.approx(len(whole) / own_rate, abs=frame + 1 / rate)
        if name == "wav":
            top = 0.45 * min(rate, own_rate)
            assert band(audio, rate, 100, top) == pytest.approx(band(whole, own_rate, 100, top), abs=0.05)
            assert band(audio, rate, 0.55 * own_rate, rate) < -80  # nothing above what the voice has


def test_pythons_reader_takes_a_stream_as_it_arrives(spoken: dict[str, Any], server_url: str) -> None:
    body = json.dumps({"text": TEXT, "stream": True}).encode()
    request = urllib.request.Request(f"{server_url}/tts", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as response, wave.open(response) as audio:
        assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (1, 2, 22050)
        frames = b"".join(iter(lambda: audio.readframes(1000), b""))
    with wave.open(io.BytesIO(spoken["wav"][1])) as whole:
        assert frames == whole.readframes(whole.getnframes())


@pytest.mark.parametrize("choice", [{}, {"encoding": "pcm_mulaw", "sample_rate": 8000}])
async def test_a_stream_from_the_cache_states_its_length(start: Start, choice: dict[str, Any]) -> None:
    client = await start(cache_bytes=50_000_000)
    body = {"text": "A sentence of odd length. And one more.", "stream": True, **choice}

    async def streamed() -> tuple[str, bytes]:
        async with client.session.post(f"{client.url}/tts", json=body) as response:
            return response.headers["X-TTS-Cache"], await response.read()

    (first, made), (second, cached) = await streamed(), await streamed()
    assert (first, second) == ("miss", "hit")
    assert int.from_bytes(cached[4:8], "little") == len(cached) - 8
    _, _, whole = await client.tts({**body, "stream": False})
    assert cached == whole
    assert cached[60:].startswith(made[60:])
    assert len(made) < int.from_bytes(made[4:8], "little") < 20_000_000  # what Python's module wave asks for at once


@pytest.mark.parametrize(
    ("encoding", "sample_bytes", "kind"),
    [
        ("pcm_s16le", 2, "audio/pcm"),
        ("pcm_f32le", 4, "audio/pcm"),
        ("pcm_mulaw", 1, "audio/basic"),
        ("pcm_alaw", 1, "audio/pcm"),
    ],
)
async def test_a_telephone_gets_its_encoding_whole_and_as_a_stream(
    start: Start, encoding: str, sample_bytes: int, kind: str
) -> None:
    client = await start()
    choice = {"response_format": "pcm", "sample_rate": 8000, "encoding": encoding}
    _, headers, whole = await client.tts({"text": TEXT, **choice})
    assert headers["Content-Type"] == kind
    assert len(whole) / sample_bytes / 8000 == pytest.approx(0.065 * (len(TEXT) - 2), abs=0.01)  # without full stops
    speech = {"model": "tts-1", "voice": "joe", "input": TEXT, **choice}
    async with client.session.post(f"{client.url}/v1/audio/speech", json=speech) as response:
        assert response.headers["Content-Type"] == kind
        assert await response.read() == whole
    async with client.session.post(
        f"{client.url}/v1/audio/speech", json={**speech, "response_format": "mp3"}
    ) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == (422, "unsupported_format", "encoding")


@pytest.mark.parametrize("name", FORMATS)
async def test_a_stream_begins_before_the_end_is_made(start: Start, name: str) -> None:
    client = await start()
    body = {"text": f"{'One ' * 5}. {'Two ' * 5}. {'Three ' * 5}.", "response_format": name}
    async with client.session.post(f"{client.url}/tts", json={**body, "stream": True}) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == FORMATS[name].content_type
        assert "Content-Length" not in response.headers
        streamed = await response.read()
    _, _, whole = await client.tts(body)
    audio, rate = heard(streamed, name)
    expected, _ = heard(whole, name)
    assert len(audio) / rate == pytest.approx(len(expected) / rate, abs=0.0 if name != "mp3" else 3 * 576 / 22050)


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac", "wav", "pcm"])
async def test_the_first_bytes_do_not_wait_for_the_second_sentence(start: Start, name: str) -> None:
    provider = Halting()
    client = await start(provider)
    body = {"text": f"{'One ' * 5}. {'Two ' * 5}.", "response_format": name, "stream": True}
    async with client.session.post(f"{client.url}/tts", json=body) as response:
        first = await response.content.readany()
        assert first
        provider.more.set()
        assert await response.read()


async def test_encoding_is_timed_as_a_stage(start: Start) -> None:
    client = await start()
    before = time.perf_counter()
    status, headers, _ = await client.tts({"text": "word " * 200, "response_format": "mp3"})
    took = time.perf_counter() - before
    assert status == 200
    text = await client.prometheus()
    encode = samples(text, "tts_stage_duration_seconds_sum", stage="encode")[0]
    assert 0.01 < encode < took  # 65 s of audio; LAME takes 8 ms and more for each
    assert f"encode;dur={encode * 1000:.2f}" in headers["Server-Timing"]


async def test_loudness_is_what_was_asked_for(start: Start) -> None:
    client = await start()
    for name in ("wav", "mp3"):
        _, _, body = await client.tts({"text": TEXT, "loudness": -23, "response_format": name})
        softer = 0.45 if name == "mp3" else 0.0  # LAME takes 5 % off, so that nothing is clipped
        assert measure(*heard(body, name))[0] == pytest.approx(-23 - softer, abs=0.1)
    assert await client.refused({"text": TEXT, "loudness": -23, "stream": True}) == (422, "invalid_request", "loudness")


async def test_a_client_that_leaves_while_audio_is_encoded_harms_nobody(start: Start) -> None:
    client = await start(max_text_characters=200_000)
    for _ in range(5):
        async with client.session.post(
            f"{client.url}/tts", json={"text": "word " * 2000, "response_format": "opus", "stream": True}
        ) as response:
            await response.content.readany()
    summary = await client.until(lambda s: s["requests_in_flight"] == 0 and s["total_requests"] == 5)
    assert summary["cancelled_requests"] == 5
    assert (await client.tts({"text": "hello", "response_format": "opus"}))[0] == 200
