"""The clients of LiveKit, Pipecat and Home Assistant for agents: nothing but the address is changed.

They run in an environment of their own (requirements/agents.lock), all in one process: tests/agents.
"""

from __future__ import annotations

import asyncio
import base64
import io
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from server.app import Service
from server.settings import Settings
from tests.agents_program import agents_python, client_results
from tests.client_features import shows
from tests.hummed_speech import TEXT, judge
from tests.service_client import Client, samples
from tests.slow_provider import LONG, SlowProvider

PAUSES = 0.7
"""Seconds that a text in pieces may be longer than the whole one."""
INTERRUPTED = {
    "/cartesia/tts/websocket": 2,
    "/deepgram/v1/speak": 3,
    "/elevenlabs/v1/text-to-speech/{voice_id}/multi-stream-input": 2,
    "/elevenlabs/v1/text-to-speech/{voice_id}/stream/with-timestamps": 1,
    "/v1/audio/speech": 2,
}
"""How many clients interrupted a speech at each endpoint."""


@dataclass(frozen=True)
class Run:
    """What the clients got, and the server's metrics after all of them."""

    clients: dict[str, dict[str, dict[str, Any]]]
    metrics: str


async def converse(folder: Path) -> Run:
    """Runs all clients with a server of their own, and waits until nothing is spoken any more."""
    settings = Settings(port=0, management_port=0, data_dir=folder, cache_bytes=0, drain_seconds=5.0)
    service = Service(settings, [SlowProvider()])
    await (await service.start())
    try:
        clients = await client_results(service.url, TEXT, LONG)
        async with aiohttp.ClientSession() as session:
            client = Client(service, session)
            await client.until(lambda summary: summary["requests_in_flight"] == 0)
            return Run(clients, await client.prometheus())
    finally:
        await service.stop()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    agents_python()
    return asyncio.run(converse(tmp_path_factory.mktemp("agents")))


@pytest.mark.parametrize(
    ("framework", "client"),
    [
        pytest.param("livekit", "cartesia", marks=shows("Cartesia", "livekit-plugins-cartesia", "whole text")),
        pytest.param("livekit", "deepgram", marks=shows("Deepgram", "livekit-plugins-deepgram", "whole text")),
        pytest.param("livekit", "elevenlabs", marks=shows("ElevenLabs", "livekit-plugins-elevenlabs", "whole text")),
        pytest.param("livekit", "openai", marks=shows("OpenAI", "livekit-plugins-openai", "whole text")),
        pytest.param("pipecat", "cartesia", marks=shows("Cartesia", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "cartesia_http", marks=shows("Cartesia", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "deepgram", marks=shows("Deepgram", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "deepgram_http", marks=shows("Deepgram", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "elevenlabs", marks=shows("ElevenLabs", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "elevenlabs_http", marks=shows("ElevenLabs", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "openai", marks=shows("OpenAI", "pipecat-ai", "whole text")),
        pytest.param("pipecat", "piper", marks=shows("Piper", "pipecat-ai", "whole text")),
    ],
)
def test_a_whole_text_is_spoken(run: Run, framework: str, client: str) -> None:
    results = run.clients[framework][client]
    judge(results["whole"], results["rate"], PAUSES)
    assert results.get("errors", []) == []


@shows("MaryTTS", "speak2mary", "whole text")
def test_home_assistants_client_of_marytts_gets_a_file(run: Run) -> None:
    with wave.open(io.BytesIO(base64.b64decode(run.clients["marytts"]["MaryTTS"]["whole"]))) as file:
        judge(file.readframes(file.getnframes()), file.getframerate())


@pytest.mark.parametrize(
    ("framework", "client"),
    [
        pytest.param("livekit", "cartesia", marks=shows("Cartesia", "livekit-plugins-cartesia", "text in pieces")),
        pytest.param("livekit", "deepgram", marks=shows("Deepgram", "livekit-plugins-deepgram", "text in pieces")),
        pytest.param(
            "livekit", "elevenlabs", marks=shows("ElevenLabs", "livekit-plugins-elevenlabs", "text in pieces")
        ),
        pytest.param("pipecat", "cartesia", marks=shows("Cartesia", "pipecat-ai", "text in pieces")),
        pytest.param("pipecat", "deepgram", marks=shows("Deepgram", "pipecat-ai", "text in pieces")),
        pytest.param("pipecat", "elevenlabs", marks=shows("ElevenLabs", "pipecat-ai", "text in pieces")),
    ],
)
def test_a_text_is_spoken_while_it_is_written(run: Run, framework: str, client: str) -> None:
    results = run.clients[framework][client]
    judge(results["pieces"], results["rate"], PAUSES)


@pytest.mark.parametrize(
    ("framework", "client"),
    [
        pytest.param("livekit", "cartesia", marks=shows("Cartesia", "livekit-plugins-cartesia", "interruption")),
        pytest.param("livekit", "deepgram", marks=shows("Deepgram", "livekit-plugins-deepgram", "interruption")),
        pytest.param("livekit", "elevenlabs", marks=shows("ElevenLabs", "livekit-plugins-elevenlabs", "interruption")),
        pytest.param("livekit", "openai", marks=shows("OpenAI", "livekit-plugins-openai", "interruption")),
        pytest.param("pipecat", "cartesia", marks=shows("Cartesia", "pipecat-ai", "interruption")),
        pytest.param("pipecat", "deepgram", marks=shows("Deepgram", "pipecat-ai", "interruption")),
        pytest.param("pipecat", "deepgram_http", marks=shows("Deepgram", "pipecat-ai", "interruption")),
        pytest.param("pipecat", "elevenlabs", marks=shows("ElevenLabs", "pipecat-ai", "interruption")),
        pytest.param("pipecat", "elevenlabs_http", marks=shows("ElevenLabs", "pipecat-ai", "interruption")),
        pytest.param("pipecat", "openai", marks=shows("OpenAI", "pipecat-ai", "interruption")),
    ],
)
def test_after_an_interruption_the_next_text_is_spoken(run: Run, framework: str, client: str) -> None:
    results = run.clients[framework][client]
    judge(results["after_interruption"], results["rate"], PAUSES)


def test_interruptions_free_the_engine(run: Run) -> None:
    counted = {
        endpoint: sum(samples(run.metrics, "tts_requests_total", endpoint=endpoint, outcome="cancelled"))
        for endpoint in INTERRUPTED
    }
    assert counted == INTERRUPTED
    assert sum(samples(run.metrics, "tts_requests_total", outcome="cancelled")) == sum(INTERRUPTED.values())
    assert not sum(samples(run.metrics, "tts_requests_total", outcome="error"))
    assert not sum(samples(run.metrics, "tts_requests_total", outcome="rejected"))


@pytest.mark.parametrize(
    "client",
    [
        pytest.param("cartesia", marks=shows("Cartesia", "livekit-plugins-cartesia", "word times")),
        pytest.param("elevenlabs", marks=shows("ElevenLabs", "livekit-plugins-elevenlabs", "word times")),
    ],
)
def test_livekit_times_the_words(run: Run, client: str) -> None:
    results = run.clients["livekit"][client]
    seconds = judge(results["pieces"], results["rate"], PAUSES)
    assert "".join(word for word, _, _ in results["words"]).split() == TEXT.split()
    edges = [edge for _, *word in results["words"] for edge in word]
    assert edges == sorted(edges)
    assert 0 <= edges[0] < seconds / 2 < edges[-1] <= seconds + 0.01


@pytest.mark.parametrize(
    ("client", "field"),
    [
        pytest.param("cartesia", "words", marks=shows("Cartesia", "pipecat-ai", "word times")),
        pytest.param("cartesia", "words_of_pieces", marks=shows("Cartesia", "pipecat-ai", "word times")),
        pytest.param("elevenlabs", "words", marks=shows("ElevenLabs", "pipecat-ai", "word times")),
        pytest.param("elevenlabs", "words_of_pieces", marks=shows("ElevenLabs", "pipecat-ai", "word times")),
        pytest.param("elevenlabs_http", "words", marks=shows("ElevenLabs", "pipecat-ai", "word times")),
    ],
)
def test_pipecat_times_the_words(run: Run, client: str, field: str) -> None:
    results = run.clients["pipecat"][client]
    assert [word.strip() for word, _ in results[field]] == TEXT.split()
    starts = [start for _, start in results[field]]
    assert starts == sorted(set(starts))  # without times, Pipecat gives all words that of the last one
    seconds = judge(results["whole"], results["rate"], PAUSES)
    assert seconds / 2 < starts[-1] - starts[0] < seconds + PAUSES
