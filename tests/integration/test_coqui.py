"""Coqui's calls: what its clients send is taken, and answered as its own tts-server answers."""

from __future__ import annotations

import asyncio
import io
import re
import wave
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import numpy as np
import pytest

from bench.targets import contenders
from bench.targets.process import running
from tests.service_client import Start, samples

TEXT = "Hello world, it is me."


def spoken(body: bytes) -> tuple[tuple[int, int, int], float]:
    """Channels, bytes of a sample and rate; and seconds up to the last sample that is not silence."""
    with wave.open(io.BytesIO(body)) as audio:
        parameters = (audio.getnchannels(), audio.getsampwidth(), audio.getframerate())
        heard = np.frombuffer(audio.readframes(audio.getnframes()), "<i2")
    loud = np.flatnonzero(np.abs(heard) > 0.01 * np.abs(heard).max())
    return parameters, (loud[-1] - loud[0]) / parameters[2]


def multipart(**fields: str) -> aiohttp.MultipartWriter:
    form = aiohttp.MultipartWriter("form-data")
    for name, value in fields.items():
        form.append(value).set_content_disposition("form-data", name=name)
    return form


WAYS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "query": ("GET", "/api/tts", {"params": {"text": TEXT}}),
    "its page": (
        "GET",
        f"/api/tts?text={quote(TEXT)}&speaker_id=&style_wav=&speaker_wav=&language_id=",
        {},
    ),
    "form": ("POST", "/api/tts", {"data": {"text": TEXT}}),
    "multipart": ("POST", "/api/tts", {"data": multipart(text=TEXT)}),
    "query of a POST": ("POST", "/api/tts", {"params": {"text": TEXT}}),
    "header": ("GET", "/api/tts", {"headers": {"text": TEXT}}),
    "header before query": ("GET", "/api/tts", {"params": {"text": "no"}, "headers": {"text": TEXT}}),
    "query before form": ("POST", "/api/tts", {"params": {"text": TEXT}, "data": {"text": "no"}}),
    "MaryTTS, query": ("GET", "/process", {"params": {"INPUT_TEXT": TEXT, "LOCALE": "en_US", "AUDIO": "WAVE_FILE"}}),
    "MaryTTS, its only voice": ("GET", "/process", {"params": {"INPUT_TEXT": TEXT, "VOICE": "default"}}),
    "MaryTTS, form": ("POST", "/process", {"data": {"INPUT_TEXT": TEXT, "INPUT_TYPE": "TEXT"}}),
}


@pytest.mark.parametrize("way", WAYS)
async def test_the_text_is_found_wherever_it_is(start: Start, way: str) -> None:
    client = await start()
    method, path, options = WAYS[way]
    async with client.session.request(method, client.url + path, **options) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "audio/wav"
        body = await response.read()
    _, _, ours = await client.tts({"text": TEXT})
    assert body == ours
    endpoint = path.partition("?")[0]
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint=endpoint, method=method, outcome="ok") == [1]


async def test_speaker_and_language_choose_a_voice(start: Start) -> None:
    client = await start()
    for path, fields in (
        ("/api/tts", {"text": "konnichiwa", "speaker_id": "kan", "language_id": "ja"}),
        ("/process", {"INPUT_TEXT": "konnichiwa", "VOICE": "kan"}),
    ):
        async with client.session.get(client.url + path, params=fields) as response:
            assert spoken(await response.read())[0] == (1, 2, 24000)
    headers = {"text": "konnichiwa", "speaker-id": "kan"}
    async with client.session.get(f"{client.url}/api/tts", headers=headers) as response:
        assert spoken(await response.read())[0] == (1, 2, 24000)


async def test_files_of_the_server_are_nobodys_to_name(start: Start) -> None:
    client = await start()
    fields = {"text": TEXT, "speaker_wav": "/etc/passwd", "style_wav": "../../secret.wav"}
    async with client.session.get(f"{client.url}/api/tts", params=fields) as response:
        assert response.status == 200
        assert response.headers["X-TTS-Ignored"] == "style_wav, speaker_wav"


@pytest.mark.parametrize(
    ("request_", "named"),
    [
        (("GET", "/api/tts", {}), (422, "nothing_to_speak", "text")),
        (("POST", "/api/tts", {"data": b"\xff\xfe"}), (422, "nothing_to_speak", "text")),
        (("POST", "/api/tts", {"data": {"text": "a\x00b"}}), (400, "invalid_text", "text")),
        (("POST", "/api/tts", {"data": b"text=\xff%ff"}), (400, "invalid_text", "text")),
        (("POST", "/api/tts", {"data": {f"x{n}": "1" for n in range(101)}}), (422, "invalid_request", None)),
        (("GET", "/api/tts", {"params": {"text": "a", "speaker_id": "nobody"}}), (404, "unknown_voice", "speaker_id")),
        (
            ("GET", "/api/tts", {"params": {"text": "a", "language_id": "xx"}}),
            (422, "unsupported_language", "language_id"),
        ),
        (("GET", "/process", {"params": {"INPUT_TEXT": ""}}), (422, "nothing_to_speak", "INPUT_TEXT")),
        (("GET", "/process", {"params": {"INPUT_TEXT": "a", "VOICE": "x"}}), (404, "unknown_voice", "VOICE")),
        (("POST", "/process", {"data": {"INPUT_TEXT": "a" * 6000}}), (413, "text_too_long", "INPUT_TEXT")),
    ],
)
async def test_a_mistake_names_their_field(start: Start, request_: Any, named: Any) -> None:
    client = await start()
    method, path, options = request_
    headers = {"Content-Type": "application/x-www-form-urlencoded"} if isinstance(options.get("data"), bytes) else {}
    async with client.session.request(method, client.url + path, headers=headers, **options) as response:
        error = (await response.json())["error"]
        assert (response.status, error["code"], error["param"]) == named


async def test_a_header_in_latin_1_is_read(start: Start) -> None:
    client = await start()
    host, port = client.url.removeprefix("http://").split(":")
    for encoding in ("latin-1", "utf-8"):
        reader, writer = await asyncio.open_connection(host, int(port))
        head = "GET /api/tts HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\ntext: Grüße\r\n\r\n"
        writer.write(head.encode(encoding))
        async with asyncio.timeout(60):
            answer = await reader.read()
        writer.close()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"X-TTS-Character-Count-Range: 1-50" in answer
    text = await client.prometheus()
    assert samples(text, "tts_characters_total", voice_name="joe") == [10]


async def test_what_there_is_is_told_line_by_line(start: Start) -> None:
    client = await start()
    async with client.session.get(f"{client.url}/voices") as response:
        assert await response.text() == "joe en u\nkan ja u\n"
    async with client.session.get(f"{client.url}/locales") as response:
        assert await response.text() == "en\nen-us\nja\n"
    async with client.session.get(f"{client.url}/details") as response:
        assert response.content_type == "text/html"
        assert "c0ffee" in await response.text()


@pytest.fixture
def real_server(voices_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(contenders, "VOICE", voices_folder / "joe")
    return running(contenders.tts_server())


@pytest.mark.timeout(400)
async def test_its_own_server_answers_the_same(real_server: Any, server_url: str) -> None:
    async with real_server as theirs, aiohttp.ClientSession() as session:
        for way, (method, path, options) in WAYS.items():
            if way == "MaryTTS, its only voice":
                continue  # tts-server lists this voice, and then does not know it
            answers = []
            for url in (theirs.url, server_url):
                fresh = {"data": multipart(text=TEXT)} if way == "multipart" else options  # it is sent once
                async with session.request(method, url + path, **fresh) as response:
                    answers.append((response.status, response.content_type, await response.read()))
            (status, kind, body), ours = answers
            assert (status, kind) == (200, "audio/wav") == ours[:2], way
            parameters, seconds = spoken(body)
            assert spoken(ours[2])[0] == parameters, way
            assert spoken(ours[2])[1] == pytest.approx(seconds, rel=0.35), way
        for path, form in {"/voices": r"\S+ en u", "/locales": "en"}.items():
            for url in (theirs.url, server_url):
                async with session.get(url + path) as response:
                    first = (await response.text()).splitlines()[0]
                    assert response.status == 200
                    assert re.fullmatch(form, first), first
        for url in (theirs.url, server_url):
            async with session.get(f"{url}/details") as response:
                assert (response.status, response.content_type) == (200, "text/html")
            async with session.get(f"{url}/api/tts") as response:
                assert 400 <= response.status < 500
                assert "error" in await response.json()
