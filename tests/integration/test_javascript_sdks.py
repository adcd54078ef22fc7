"""The SDKs of Cartesia, Deepgram and ElevenLabs for JavaScript: nothing but the address is changed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority
from tests.client_features import shows
from tests.hummed_speech import TEXT, judge
from tests.service_client import Client, Start, samples
from tests.slow_provider import LONG, SlowProvider

RATE = 16_000
PAUSES = 0.7
"""Seconds that a text in pieces may be longer than the whole one."""


@pytest.fixture
async def client(start: Start, tmp_path: Path) -> Client:
    """A server with a certificate: Cartesia's SDK opens its sockets over TLS alone."""
    Authority(tmp_path / "authority.pem").issue(tmp_path / "tls.crt", tmp_path / "tls.key")
    return await start(SlowProvider(), tls_certificate=tmp_path / "tls.crt", tls_key=tmp_path / "tls.key")


async def results(client: Client, folder: Path, authority: Path, program: str) -> dict[str, Any]:
    """Returns what a program got, once the server is busy with nothing."""
    command = ["node", program, client.url, TEXT, LONG]
    environment = {**os.environ, "NODE_EXTRA_CA_CERTS": str(authority)}
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=folder, env=environment, capture_output=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def interrupted(client: Client, endpoint: str) -> None:
    """Waits until a request is counted as interrupted."""
    metrics, cancelled = "", {"endpoint": endpoint, "outcome": "cancelled"}
    async with asyncio.timeout(60):
        while samples(metrics, "tts_requests_total", **cancelled) != [1]:
            async with client.session.get(f"{client.service.management_url}/prometheus") as response:
                metrics = await response.text()


@shows("Cartesia", "@cartesia/cartesia-js", "whole text", "text in pieces", "interruption", "word times")
async def test_cartesia(client: Client, javascript: Path, tmp_path: Path) -> None:
    found = await results(client, javascript, tmp_path / "authority.pem", "cartesia.mjs")
    judge(found["whole"], RATE)
    seconds = judge(found["pieces"], RATE, PAUSES)
    assert [word for word, _, _ in found["words"]] == TEXT.split()
    edges = [edge for _, *word in found["words"] for edge in word]
    assert edges == sorted(edges)
    assert 0 <= edges[0] < edges[-1] <= seconds
    judge(found["after_interruption"], RATE, PAUSES)
    await interrupted(client, "/cartesia/tts/websocket")
    assert found["voices"] == ["joe", "kan"]
    assert found["refusal"] == {"name": "NotFoundError", "status": 404}


@shows("Deepgram", "@deepgram/sdk", "whole text", "text in pieces", "interruption")
async def test_deepgram(client: Client, javascript: Path, tmp_path: Path) -> None:
    found = await results(client, javascript, tmp_path / "authority.pem", "deepgram.mjs")
    judge(found["whole"], RATE)
    judge(found["pieces"], RATE, PAUSES)
    judge(found["after_interruption"], RATE, PAUSES)
    await interrupted(client, "/v1/speak")
    assert found["refusal"]["status"] == 404


@shows("ElevenLabs", "@elevenlabs/elevenlabs-js", "whole text", "interruption", "word times")
async def test_elevenlabs(client: Client, javascript: Path, tmp_path: Path) -> None:
    found = await results(client, javascript, tmp_path / "authority.pem", "elevenlabs.mjs")
    judge(found["whole"], RATE)
    seconds = judge(found["timed"], RATE)
    times = found["alignment"]
    assert "".join(times["characters"]).strip() == TEXT
    assert times["characterStartTimesSeconds"] == sorted(times["characterStartTimesSeconds"])
    assert times["characterEndTimesSeconds"][-1] == pytest.approx(seconds, abs=0.01)
    assert found["first"] > 0
    assert found["aborted"] == "AbortError"
    judge(found["after_interruption"], RATE)
    await interrupted(client, "/elevenlabs/v1/text-to-speech/{voice_id}/stream")
    assert found["voices"] == ["joe", "kan"]
    assert found["refusal"]["status"] == 404
