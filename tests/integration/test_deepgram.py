"""Deepgram's SDK against the server: nothing but the address is changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from deepgram import AsyncDeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types import SpeakV1Cleared, SpeakV1Flushed, SpeakV1Metadata, SpeakV1Text, SpeakV1Warning

from tests.api_keys import create
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start

TEXT = "The rain had stopped by noon. Then we went home."
RATE = 16_000


def sdk(client: Client, prefix: str = "", key: str = "none") -> AsyncDeepgramClient:
    """Returns the SDK's client of a server."""
    http, socket = client.url + prefix, client.url.replace("http", "ws", 1) + prefix
    address = DeepgramClientEnvironment(base=http, production=socket, agent=socket, agent_rest=http)
    return AsyncDeepgramClient(api_key=key, environment=address)


async def until(connection: Any, kind: type) -> list[Any]:
    """Returns what is received up to the first message of ``kind``."""
    received: list[Any] = []
    async with asyncio.timeout(60):
        while not received or not isinstance(received[-1], kind):
            received.append(await connection.recv())
    return received


@pytest.mark.parametrize("prefix", ["", "/deepgram"])
async def test_a_text_is_spoken_and_another_one_is_cleared(start: Start, prefix: str) -> None:
    provider = HummingProvider()
    client = await start(provider)
    deepgram = sdk(client, prefix)
    async with deepgram.speak.v1.connect(model="joe", encoding="linear16", sample_rate=RATE, speed=2.0) as connection:
        metadata = await connection.recv()
        assert isinstance(metadata, SpeakV1Metadata)
        assert metadata.model_name == "joe"
        await connection.send_text(SpeakV1Text(type="Speak", text=TEXT))
        await connection.send_flush()
        *audio, flushed = await until(connection, SpeakV1Flushed)
        assert flushed.sequence_id == 0
        seconds = len(b"".join(audio)) / 2 / RATE
        assert seconds == pytest.approx(0.065 * len(TEXT) / 2, abs=0.5)
        provider.gate.clear()
        await connection.send_text(SpeakV1Text(type="Speak", text=TEXT * 10))
        await connection.send_clear()
        [cleared] = await until(connection, SpeakV1Cleared)
        assert cleared.sequence_id == 1
        provider.gate.set()
        await connection.send_text(SpeakV1Text(type="Speak", text="a" * 5001))
        [warning] = await until(connection, SpeakV1Warning)
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
