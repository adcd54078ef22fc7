"""One ttscope speaks through another: the same audio, one trace, and a fallback when the other is gone."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.app import Service
from server.providers.provider import Provider
from server.providers.remote import PCM_RATE, RemoteProvider, RemoteVoice
from server.settings import Settings
from server.utterance import Voice
from tests.humming_provider import HummingProvider

TEXT = "Hello world. It is me, from far away."
ALLOY = Voice("joe", ("en",), PCM_RATE, "c0ffee")
Start = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    services: list[Service] = []

    async def starter(*providers: Provider) -> Service:
        folder = tmp_path / str(len(services))
        settings = Settings(port=0, management_port=0, data_dir=folder, drain_seconds=1.0, cache_bytes=0)
        service = Service(settings, providers)
        services.append(service)
        await (await service.start())
        return service

    yield starter
    for service in reversed(services):
        await service.stop()


def remote(url: str) -> RemoteProvider:
    return RemoteProvider(
        [RemoteVoice(ALLOY, "joe")],
        base_url=f"{url}/v1",
        key=None,
        model="tts-1",
        response_format="wav",
        max_audio_seconds=60.0,
        log=logging.getLogger("ttscope.test"),
    )


async def speak(session: aiohttp.ClientSession, service: Service, **body: Any) -> tuple[Any, bytes]:
    async with session.post(f"{service.url}/tts", json={"text": TEXT, **body}) as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers, await answer.read()


@pytest.mark.parametrize("stream", [False, True])
async def test_the_audio_is_the_others_and_the_trace_is_one(start: Start, stream: bool) -> None:
    other = await start(HummingProvider())
    ours = await start(remote(other.url))
    async with aiohttp.ClientSession() as session:
        _, direct = await speak(session, other)
        headers, through = await speak(session, ours, stream=stream)
        assert headers["X-TTS-Provider"] == "remote"
        assert through[44:] == direct[44:]
        async with session.get(f"{other.url}/traces/{headers['X-Trace-ID']}") as answer:
            spans = (await answer.json())["spans"]
    assert spans[0]["name"] == "POST /v1/audio/speech"
    assert spans[0]["attributes"]["tts.outcome"] == "ok"


async def test_when_the_other_is_gone_somebody_else_speaks(start: Start) -> None:
    other = await start(HummingProvider())
    ours = await start(remote(other.url), HummingProvider(name="humming"))
    async with aiohttp.ClientSession() as session:
        assert (await speak(session, ours))[0]["X-TTS-Provider"] == "remote"
        await other.stop()
        for _ in range(4):
            assert (await speak(session, ours))[0]["X-TTS-Provider"] == "humming"
        async with session.get(f"{ours.url}/metrics") as answer:
            metrics = await answer.json()
    assert metrics["providers"]["remote"]["available"] is False
    assert [episode["provider"] for episode in metrics["degraded"]] == ["remote"]
