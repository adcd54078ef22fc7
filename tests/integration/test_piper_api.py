"""Piper's HTTP call, as its clients make it."""

from __future__ import annotations

import io
import json
import wave
from typing import Any

import pytest

from tests.service_client import Client, Start, samples

TEXT = "The rain had stopped by noon. Then we went home."


@pytest.fixture
async def client(start: Start) -> Client:
    return await start()


async def post(client: Client, path: str, body: Any) -> tuple[int, Any, bytes]:
    async with client.session.post(client.url + path, json=body) as response:
        return response.status, response.headers, await response.read()


def seconds(data: bytes) -> float:
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return file.getnframes() / file.getframerate()


async def test_a_text_is_spoken_as_a_file(client: Client) -> None:
    paths = ("/synthesize", "/piper/synthesize", "/piper", "/piper/")
    for path in paths:
        status, headers, body = await post(client, path, {"text": TEXT})
        assert (status, headers["Content-Type"]) == (200, "audio/wav")
        assert body == (await client.tts({"text": TEXT, "voice_name": "joe"}))[2]
    text = await client.prometheus()
    for path in paths:
        assert samples(text, "tts_requests_total", endpoint=path, outcome="ok", method="POST") == [1]


async def test_every_field_of_pipers_is_taken(client: Client) -> None:
    body = {"text": TEXT, "voice": "kan", "speaker": "", "speaker_id": 0, "length_scale": 2, "noise_scale": 0.667}
    status, headers, slow = await post(client, "/synthesize", {**body, "noise_w_scale": 0.8})
    assert status == 200
    assert headers["X-TTS-Ignored"] == "noise_scale, noise_w_scale"
    _, headers, plain = await post(client, "/synthesize", {"text": TEXT, "voice": "kan"})
    assert "X-TTS-Ignored" not in headers
    assert seconds(slow) == pytest.approx(2 * seconds(plain), rel=0.01)
    nulls = dict.fromkeys(("voice", "speaker", "speaker_id", "length_scale", "noise_scale", "noise_w_scale"))
    assert (await post(client, "/synthesize", {"text": TEXT, **nulls}))[0] == 200


REFUSED: list[tuple[dict[str, Any], int, str | None]] = [
    ({"voice": "nobody"}, 404, "voice"),
    ({"speaker": "p225"}, 422, "speaker"),
    ({"speaker_id": 3}, 422, "speaker_id"),
    ({"length_scale": 0.1}, 422, "length_scale"),
    ({"length_scale": 5}, 422, "length_scale"),
    ({"length_scale": 0}, 422, "length_scale"),
    ({"noise_scale": "loud"}, 422, "noise_scale"),
    ({"sentence_silence": 1.0}, 422, None),
    ({"text": ""}, 422, "text"),
    ({"text": None}, 422, "text"),
]


async def test_what_is_refused_is_named(client: Client) -> None:
    for fields, status, param in REFUSED:
        answered, _, body = await post(client, "/synthesize", {"text": TEXT, **fields})
        assert (answered, json.loads(body)["error"]["param"]) == (status, param), fields


async def test_voices_are_described(client: Client) -> None:
    info = {"voice": {"name": "joe", "language": "en", "num_speakers": 1}, "last": None}
    assert await client.json("/info") == await client.json("/piper/info") == info
    voices = await client.json("/piper/voices")
    assert {name: voice["audio"]["sample_rate"] for name, voice in voices.items()} == {"joe": 22050, "kan": 24000}
    assert voices["joe"]["language"] == {"code": "en-us", "family": "en"}
    assert all((voice["num_speakers"], voice["speaker_id_map"]) == (1, {}) for voice in voices.values())
    async with client.session.get(f"{client.url}/voices") as response:  # of MaryTTS
        assert (await response.text()).startswith("joe en u")
