"""A running server speaks by the dictionaries of its data folder, and reads them again when they change."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from server.text import dictionaries
from server.utterance import Chunk, Listener, Utterance
from tests.humming_provider import HummingProvider
from tests.service_client import Start

TEXT = "Our nginx is in Worcester."


class NotingProvider(HummingProvider):
    """A provider without any ability: it gets the text as it is to be spoken."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        self.texts.append(utterance.text)
        async for chunk in super().speak(utterance, listener):
            yield chunk


async def test_dictionaries_are_used_and_read_again(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dictionaries, "POLL_SECONDS", 0.01)
    folder = tmp_path / dictionaries.DICTIONARIES_FOLDER
    folder.mkdir()
    file = folder / "house.csv"
    file.write_text("text,say,ipa\nnginx,engine x,\nWorcester,,ˈwʊstə\n")
    provider = NotingProvider()
    client = await start(provider, cache_bytes=10_000_000)

    async def result(**more: object) -> tuple[int, str]:
        status, headers, _ = await client.tts({"text": TEXT, **more})
        return status, headers["X-TTS-Cache"]  # type: ignore[index]

    # A dictionary's phonemes refuse no voice: this one reads the word as it is written.
    assert await result() == (200, "miss")
    assert await result() == (200, "hit")
    assert await result(pronunciations=[{"text": "nginx", "say": "a server"}]) == (200, "miss")
    assert provider.texts == ["Our engine x is in Worcester.", "Our a server is in Worcester."]
    assert await client.refused({"text": TEXT, "pronunciations": [{"text": "nginx", "ipa": "ɛks"}]}) == (
        422, "unsupported_by_voice", "voice_name"
    )  # fmt: skip

    file.write_text("text,say\nnginx,\n")  # a mistake: what was read before stays
    (folder / "second.csv").write_text("text,say\nWorcester,Wooster\n")
    async with asyncio.timeout(60):
        while provider.texts[-1] != "Our engine x is in Wooster.":
            await asyncio.sleep(0.01)
            assert await result() in {(200, "miss"), (200, "hit")}
    file.unlink()
    (folder / "second.csv").unlink()
    async with asyncio.timeout(60):
        while provider.texts[-1] != TEXT:
            await asyncio.sleep(0.01)
            await result()


async def test_a_text_may_not_grow_without_bound(start: Start) -> None:
    client = await start()
    text = "a " * 100
    status, _, _ = await client.tts({"text": text, "pronunciations": [{"text": "a", "say": "b" * 99}]})
    assert status == 200
    for more in ({"say": "b" * 110}, {"say": "b", "ipa": "b" * 110}):
        body = {"text": text, "pronunciations": [{"text": "a", **more}]}
        assert await client.refused(body) == (413, "text_too_long", "text")
