"""Odd texts and the real voice: whatever one client sends, it gets speech or a clear refusal, and no breaker opens."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from server.app import Service
from server.audio import quality
from server.providers.coqui import CoquiProvider
from server.providers.onnx import OnnxProvider
from server.settings import Settings
from server.voices.catalogue import Catalogue
from tests.integration.test_server import samples

pytestmark = pytest.mark.asyncio(loop_scope="module")

log = logging.getLogger("ttscope.test")
PROVIDERS = ("coqui", "onnx")
RULERS = {
    "equal signs": "=" * 30,
    "three equal signs": "===",
    "hyphens": "-" * 40,
    "asterisks": "*" * 40,
    "underscores": "_" * 40,
    "tildes": "~" * 40,
    "number signs": "#" * 40,
    "plus signs": "+" * 40,
    "slashes": "/" * 40,
    "box drawing": "═" * 40,
    "dashes": "\u2014" * 20,
    "with spaces": "= " * 20,
    "pairs": "=-" * 20,
}
SPOKEN = {
    "a ruler after a word": "Hello " + "=" * 40,
    "a ruler between words": "x = " + "=" * 40 + " y",
    "rulers around a title": "=" * 10 + " Title " + "=" * 10,
    "a ruler within a word": "foo" + "=" * 12 + "bar",
    "a ruler between sentences": "First sentence here. " + "=" * 60 + " Second sentence here.",
    "a ruler between lines": "Title\n" + "-" * 30 + "\nSome text follows.",
    "an operator": "if a === b then",
    "dollars": "$" * 80,
    "pluses glued to a letter": "A" + "+" * 8,
    "not equal": "≠" * 30,
    "haha": "haha " * 100,
    "hahaha": "ha" * 100,
    "lol": "lol" * 60,
    "a drawn out letter": "aaaaaaa",
    "vowels": "aeiou" * 30,
    "one letter": "a " * 60,
    "one word": "I " * 40,
    "no vowel": "tt " * 50,
    "quoted letters": "s'" * 60,
    "stacked suffixes": "'s" * 60,
    "emoji": "😀" * 6,
    "ones": "1" * 30,
    "zeros": "0" * 30,
    "base64": "TWFueSBoYW5kcyBtYWtlIGxpZ2h0IHdvcmsu",
    "code": 'for (int i = 0; i < 10; i++) { printf("%d\\n", i); }',
    "a table": "+-----+-----+\n| a   | b   |\n+-----+-----+\n| 1   | 2   |\n+-----+-----+",
    "merge markers": "<<<<<<< HEAD\nfoo\n=======\nbar\n>>>>>>> branch",
    "marks upon a letter": "a" + "\u0301" * 200,
    "scripts": "Hello Привет 你好 مرحبا שלום नमस्ते 안녕 สวัสดี",
    "zero width": "he\u200bll\u200do w\u2060or\ufeffld",
    "a long address": "https://example.com/" + "abc_def-012/?q=%20&x=1" * 3,
}
UNSPEAKABLE = {"marks": "\u0301" * 30, "private use": "\ue000" * 20, "zero width": "\u200b" * 30, "blocks": "█▓▒░"}


class Client:
    """One client of a running server with two providers of one voice."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service, self.session = service, session

    async def speak(self, text: str, **body: Any) -> tuple[int, str]:
        """The status, and the code of the error."""
        async with self.session.post(f"{self.service.url}/tts", json={"text": text, **body}) as answer:
            audio = await answer.read()
            return answer.status, "" if answer.status == 200 else (await answer.json())["error"][
                "code"
            ] if audio else ""

    async def assert_nothing_is_wrong(self) -> None:
        """Both breakers are closed, and no request counts against the server."""
        async with self.session.get(f"{self.service.url}/prometheus") as answer:
            text = await answer.text()
        for provider in PROVIDERS:
            assert samples(text, "tts_provider_available", provider=provider) == [1.0]
        assert set(samples(text, "tts_degraded")) == {0.0}
        assert sum(samples(text, "tts_errors_total", side="server")) == 0
        async with self.session.get(f"{self.service.url}/metrics") as answer:
            assert (await answer.json())["degraded"] == []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    voices = Catalogue.scan(data_dir / "voices").voices.values()
    cores = len(os.sched_getaffinity(0))
    coqui = CoquiProvider(voices, device="cpu", threads=cores, max_audio_seconds=900, log=log)
    onnx = OnnxProvider(voices, threads=cores, max_audio_seconds=900, log=log)
    settings = Settings(port=0, management_port=0, data_dir=tmp_path_factory.mktemp("odd"), cache_bytes=0)
    service = Service(settings, [coqui, onnx])
    await (await service.start())
    async with aiohttp.ClientSession() as session:
        yield Client(service, session)
    await service.stop()


@pytest.mark.parametrize("ruler", RULERS)
async def test_a_ruler_alone_is_refused_however_often_it_is_sent(client: Client, ruler: str) -> None:
    for _ in range(3):
        assert await client.speak(RULERS[ruler]) == (422, "nothing_to_speak")
    await client.assert_nothing_is_wrong()


@pytest.mark.parametrize("text", UNSPEAKABLE)
async def test_what_has_no_sound_is_refused(client: Client, text: str) -> None:
    for _ in range(3):
        assert await client.speak(UNSPEAKABLE[text]) == (422, "nothing_to_speak")
    await client.assert_nothing_is_wrong()


@pytest.mark.parametrize("text", SPOKEN)
async def test_odd_texts_are_spoken_as_far_as_they_can_be(client: Client, text: str) -> None:
    assert await client.speak(SPOKEN[text]) == (200, "")
    await client.assert_nothing_is_wrong()


@pytest.mark.parametrize("text", ["a ruler between words", "one word", "dollars"])
async def test_odd_texts_are_spoken_as_streams_too(client: Client, text: str) -> None:
    for _ in range(3):
        assert await client.speak(SPOKEN[text], stream=True) == (200, "")
    await client.assert_nothing_is_wrong()


async def test_a_text_whose_every_clip_is_faulty_is_refused_and_opens_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No clip of this text is long enough, whoever speaks it; a known word is judged as ever."""
    odd = "This text is the odd one."
    judged = quality.length_bounds.bounds

    def bounds(text: str, language: str, speed: float) -> quality.Bounds:
        return quality.Bounds(1000.0, 2000.0) if "odd one" in text else judged(text, language, speed)

    monkeypatch.setattr(quality.length_bounds, "bounds", bounds)
    for _ in range(7):
        assert await client.speak(odd) == (422, "unspeakable_text")
    assert await client.speak("This text is an ordinary one.") == (200, "")
    await client.assert_nothing_is_wrong()
