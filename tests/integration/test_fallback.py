"""The real engine is made to fail while clients speak to a real server: nobody notices, and operators see it all."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.app import Service
from server.engine.vocabulary import Vocabulary
from server.providers.coqui import CoquiProvider
from server.providers.onnx import OnnxProvider
from server.settings import Settings
from server.text import phonemes
from server.voices.catalogue import Catalogue
from tests.integration.test_server import samples

log = logging.getLogger("ttscope.test")


class House:
    """A running server with two providers of one voice, and a client."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service, self.session = service, session

    async def speak(self, text: str, **body: Any) -> tuple[int, str, str, bytes]:
        """Status, provider, trace id and audio."""
        async with self.session.post(f"{self.service.url}/tts", json={"text": text, **body}) as answer:
            return answer.status, answer.headers["X-TTS-Provider"], answer.headers["X-Trace-ID"], await answer.read()

    async def prometheus(self) -> str:
        async with self.session.get(f"{self.service.url}/prometheus") as answer:
            return await answer.text()

    async def until_available(self, provider: str, available: float) -> None:
        async with asyncio.timeout(60):
            while samples(await self.prometheus(), "tts_provider_available", provider=provider) != [available]:
                await asyncio.sleep(0.05)


@pytest.fixture
async def house(data_dir: Path, tmp_path: Path) -> AsyncIterator[House]:
    voices = Catalogue.scan(data_dir / "voices").voices.values()
    cores = len(os.sched_getaffinity(0))
    coqui = CoquiProvider(voices, device="cpu", threads=cores, max_audio_seconds=900, log=log)
    onnx = OnnxProvider(voices, threads=cores, max_audio_seconds=900, log=log)
    service = Service(Settings(port=0, management_port=0, data_dir=tmp_path), [coqui, onnx])
    await (await service.start())
    async with aiohttp.ClientSession() as session:
        yield House(service, session)
    await service.stop()


def break_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on every sentence that the engine is given fails in its process, whatever it says."""
    monkeypatch.setattr(Vocabulary, "encode", lambda vocabulary, symbols: ([len(vocabulary.ids)], 1))


async def test_nobody_notices_that_the_engine_fails_and_it_comes_back(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers: list[tuple[int, str, str, bytes]] = []
    going_on = True

    async def client(number: int) -> None:
        turns = count(number, 3)
        while going_on:
            text = f"This is sentence number {next(turns)} of those who go on speaking."
            answers.append(await house.speak(text, stream=number == 0))

    async with asyncio.TaskGroup() as clients:
        for number in range(3):
            clients.create_task(client(number))
        while len(answers) < 3:
            await asyncio.sleep(0.01)
        with monkeypatch.context() as broken:
            break_engine(broken)
            await house.until_available("coqui", 0)
            seen = len(answers)
            while len(answers) < seen + 6:
                await asyncio.sleep(0.01)
            text = await house.prometheus()
        await house.until_available("coqui", 1)
        seen = len(answers)
        while "coqui" not in (provider for _, provider, _, _ in answers[seen:]):
            await asyncio.sleep(0.01)
        going_on = False

    assert {status for status, _, _, _ in answers} == {200}
    assert all(len(audio) > 44 + 22050 for _, _, _, audio in answers)  # at least half a second
    spoken_by = [provider for _, provider, _, _ in answers]
    assert {"coqui", "onnx"} == set(spoken_by)
    assert sum(samples(text, "tts_provider_fallbacks_total", **{"from": "coqui", "to": "onnx"})) >= 3
    assert samples(text, "tts_provider_requests_total", provider="coqui", outcome="error")[0] >= 3
    assert samples(text, "tts_provider_requests_total", provider="onnx", outcome="ok")[0] >= 3


async def test_a_fallback_is_seen_in_one_trace(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    break_engine(monkeypatch)
    status, provider, trace, _ = await house.speak("Who is it that speaks this sentence?")
    assert (status, provider) == (200, "onnx")
    async with house.session.get(f"{house.service.url}/traces/{trace}") as answer:
        spans = (await answer.json())["spans"]
    attempts = [
        (span["attributes"]["tts.provider"], span["attributes"]["tts.attempt_outcome"])
        for span in spans
        if span["name"] == "attempt"
    ]
    assert attempts == [("coqui", "error"), ("onnx", "ok")]
    root = spans[0]["attributes"]
    assert (root["tts.provider"], root["tts.fallback_from"], root["tts.fallback_reason"]) == ("onnx", "coqui", "error")


async def test_a_hundred_equal_requests_are_one_synthesis(house: House) -> None:
    text = "Everybody wants to hear this at the same time."
    answers = await asyncio.gather(*(house.speak(text) for _ in range(100)))
    assert {status for status, _, _, _ in answers} == {200}
    assert len({audio for _, _, _, audio in answers}) == 1
    metrics = await house.prometheus()
    assert samples(metrics, "tts_provider_requests_total", provider="coqui", outcome="ok") == [1]
    assert samples(metrics, "tts_cache_requests_total", result="miss") == [1]
    assert samples(metrics, "tts_cache_requests_total", result="coalesced") == [99]
    assert samples(metrics, "tts_requests_total", outcome="ok", status_code="200") == [100]


async def test_what_was_heard_once_is_there_at_once(house: House) -> None:
    text = "This is said twice, and it is the same the second time."
    first = await house.speak(text)
    assert (await house.speak(text))[3] == first[3]
    whole = first[3][44:]
    streamed = (await house.speak(text, stream=True))[3][44:]
    assert streamed == whole
    assert (await house.speak(text, cache=False))[3] != first[3]  # made anew, and a voice never says it twice alike
    async with house.session.post(
        f"{house.service.url}/tts", json={"text": text}, headers={"Cache-Control": "no-store"}
    ) as answer:
        assert answer.headers["X-TTS-Cache"] == "bypass"
    metrics = await house.prometheus()
    counts = {r: samples(metrics, "tts_cache_requests_total", result=r) for r in ("hit", "miss", "bypass")}
    assert counts == {"hit": [2], "miss": [1], "bypass": [2]}


async def test_a_text_that_ends_espeak_is_refused_to_its_client_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the bounds before espeak taken away: nobody else is asked to speak it, and no breaker opens."""
    asked: list[str] = []

    def unbounded(text: str) -> list[str]:
        asked.append(text)
        return [text]

    others = [asyncio.create_task(house.speak(f"Somebody else says sentence {number}.")) for number in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(phonemes, "pieces", unbounded)
        for number in range(4):
            body = {"text": f"{number} " + "a." * 1000}
            async with house.session.post(f"{house.service.url}/tts", json=body) as answer:
                assert answer.status == 422
                assert (await answer.json())["error"]["code"] == "unspeakable_text"
    assert {status for status, _, _, _ in await asyncio.gather(*others)} == {200}
    assert len([text for text in asked if "a.a." in text]) == 4
    status, provider, _, _ = await house.speak("And the next text is spoken.")
    assert (status, provider) == (200, "coqui")
    text = await house.prometheus()
    assert samples(text, "tts_worker_restarts_total", worker="phonemes") == [4]
    assert samples(text, "tts_provider_available", provider="coqui") == [1]
    assert samples(text, "tts_provider_available", provider="onnx") == [1]
    assert samples(text, "tts_errors_total", error_type="unspeakable_text", side="client") == [4]
    assert not [line for line in text.splitlines() if 'side="server"' in line and not line.endswith(" 0.0")]
