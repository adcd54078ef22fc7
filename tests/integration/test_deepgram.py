"""Deepgram's SDK against the server: nothing but the address is changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types import SpeakV1Metadata, SpeakV1Text

from tests.api_keys import create
from tests.client_features import shows
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

TEXT = "The rain had stopped by noon. Then we went home."
RATE = 16_000


def sdk(client: Client, prefix: str = "", key: str = "none") -> AsyncDeepgramClient:
    """Returns the SDK's client of a server."""
    http, socket = client.url + prefix, client.url.replace("http", "ws", 1) + prefix
    address = DeepgramClientEnvironment(base=http, production=socket, agent=socket, agent_rest=http)
    return AsyncDeepgramClient(api_key=key, environment=address)


async def until(connection: Any, kind: str) -> list[Any]:
    """Returns what is received up to the first message of ``kind``."""
    received: list[Any] = []
    async with asyncio.timeout(60):
        while not received or getattr(received[-1], "type", None) != kind:  # the SDK takes Cleared for a Flushed
            received.append(await connection.recv())
    return received


@shows("Deepgram", "deepgram-sdk", "text in pieces", "interruption")
@pytest.mark.parametrize("prefix", ["", "/deepgram"])
async def test_a_text_is_spoken_and_another_one_is_cleared(start: Start, prefix: str) -> None:
    provider = HummingProvider()
    client = await start(provider)
    deepgram = sdk(client, prefix)
    async with deepgram.speak.v1.connect(model="joe", encoding="linear16", sample_rate=RATE, speed=2.0) as connection:
        metadata = await connection.recv()
        assert isinstance(metadata, SpeakV1Metadata)
        assert metadata.model_name == "joe"
        for word in TEXT.split():
            await connection.send_text(SpeakV1Text(type="Speak", text=f"{word} "))
        await connection.send_flush()
        *audio, flushed = await until(connection, "Flushed")
        assert flushed.sequence_id == 0
        seconds = len(b"".join(audio)) / 2 / RATE
        assert seconds == pytest.approx(0.065 * len(TEXT) / 2, abs=0.5)
        provider.gate.clear()
        await connection.send_text(SpeakV1Text(type="Speak", text=TEXT * 10))
        await connection.send_clear()
        [cleared] = await until(connection, "Cleared")
        assert cleared.sequence_id == 1
        provider.gate.set()
        await connection.send_text(SpeakV1Text(type="Speak", text="a" * 5001))
        [warning] = await until(connection, "Warning")
        assert warning.code == "TEXT_TOO_LONG"
        await connection.send_close()


async def test_keys_are_those_of_the_server(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "agent")
    client = await start()
    async with sdk(client, key=key).speak.v1.connect(model="joe") as connection:
        assert isinstance(await connection.recv(), SpeakV1Metadata)
    with pytest.raises(ApiError) as refused:
        async with sdk(client).speak.v1.connect(model="joe"):
            pass
    assert refused.value.status_code == 401


@shows("Deepgram", "deepgram-sdk", "whole text")
@pytest.mark.parametrize(
    ("options", "content_type", "begins"),
    [
        ({}, "audio/mpeg", b""),
        ({"encoding": "linear16", "sample_rate": 16_000}, "audio/wav", b"RIFF"),
        ({"encoding": "linear16", "container": "none"}, "audio/pcm", b""),
        ({"encoding": "mulaw", "container": "none"}, "audio/basic", b""),
        ({"encoding": "alaw"}, "audio/wav", b"RIFF"),
        ({"encoding": "opus", "container": "ogg"}, "audio/ogg", b"OggS"),
        ({"encoding": "flac"}, "audio/flac", b"fLaC"),
    ],
)
async def test_the_call_over_http_has_all_encodings(
    start: Start, options: dict[str, Any], content_type: str, begins: bytes
) -> None:
    client = await start()
    async with sdk(client).speak.v1.audio.with_raw_response.generate(text=TEXT, model="joe", **options) as response:
        audio = b"".join([piece async for piece in response.data])
        assert response.headers["content-type"] == content_type
        assert response.headers["x-tts-provider"] == "humming"
    assert audio.startswith(begins)
    assert len(audio) > 1000
    async with client.session.post(f"{client.url}/deepgram/v1/speak?tag=a", json={"text": "Hello."}) as answer:
        assert answer.headers["X-TTS-Ignored"] == "tag"
        assert await answer.read()
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint="/v1/speak", method="POST", outcome="ok") == [1]
    assert samples(text, "tts_requests_total", endpoint="/deepgram/v1/speak", method="POST", outcome="ok") == [1]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "nobody"}, "no such voice"),
        ({"encoding": "mp3", "container": "wav"}, "container must be none for mp3"),
        ({"encoding": "opus", "sample_rate": 8000}, "sample_rate"),
        ({"encoding": "linear16", "sample_rate": 12_345}, "sample_rate"),
        ({"encoding": "vorbis"}, "encoding"),
        ({"bit_rate": 48_000}, "allowed fields"),
        ({"callback": "https://example.com"}, "allowed fields"),
        ({"speed": 9.0}, "speed"),
    ],
)
async def test_what_is_refused_is_named_in_deepgrams_format(start: Start, options: dict[str, Any], words: str) -> None:
    client = await start()
    with pytest.raises(ApiError) as refused:
        async for _ in sdk(client).speak.v1.audio.generate(text="Hello.", **options):
            pass
    body = refused.value.body
    assert refused.value.status_code in (400, 404, 422)
    assert words in body["err_msg"]
    assert body["err_code"].isupper()
