"""Cartesia's SDK over the server's socket: nothing but the address is changed."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cartesia import AsyncCartesia, Cartesia
from cartesia.resources.tts import AsyncWebSocketContext
from websockets.exceptions import InvalidStatus

from tests.api_keys import create, unknown
from tests.client_features import shows
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples
from tests.socket_client import connected, eventually
from tests.timed_provider import TimedProvider

TEXT = "The rain had stopped by noon. We walked along the river bank, and nobody said a word. Then she laughed."
RATE = 16_000
SPEECH: dict[str, Any] = {
    "model_id": "sonic-3",
    "voice": {"mode": "id", "id": "joe"},
    "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": RATE},
    "language": "en",
}
PACE = 0.065
"""Seconds of a character."""


def sdk(client: Client, prefix: str = "", key: str = "none") -> AsyncCartesia:
    """Returns the SDK's client of a server."""
    http = client.url + prefix
    return AsyncCartesia(api_key=key, base_url=http, websocket_base_url=http.replace("http", "ws", 1), max_retries=0)


async def heard(context: AsyncWebSocketContext) -> list[Any]:
    """Returns what a context receives up to its end."""
    async with asyncio.timeout(60):
        return [event async for event in context.receive()]


def audio(events: list[Any]) -> bytes:
    return b"".join(event.audio for event in events if event.type == "chunk")


def words(events: list[Any]) -> list[tuple[str, float, float]]:
    times = [event.word_timestamps for event in events if event.type == "timestamps"]
    return [word for each in times for word in zip(each.words, each.start, each.end, strict=True)]


@shows("Cartesia", "cartesia", "text in pieces", "word times")
@pytest.mark.parametrize(("prefix", "size"), [("", 1), ("/cartesia", 10)])
async def test_two_contexts_are_spoken_at_once_with_the_times_of_their_words(
    start: Start, prefix: str, size: int
) -> None:
    provider = TimedProvider()
    client = await start(provider)
    async with sdk(client, prefix) as cartesia, cartesia.tts.websocket_connect() as connection:
        contexts = [connection.context(**SPEECH, add_timestamps=True) for _ in range(2)]
        for at in range(0, len(TEXT), size):
            for context in contexts:
                await context.push(TEXT[at : at + size])
        for context in contexts:
            await context.no_more_inputs()
        for events in await asyncio.gather(*map(heard, contexts)):
            assert events[-1].type == "done"
            chunks = [event for event in events if event.type == "chunk"]
            assert {event.type for event in events} == {"chunk", "timestamps", "done"}
            assert {chunk.flush_id for chunk in chunks} == {1}
            assert sum(chunk.step_time for chunk in chunks) > 1.0  # the humming provider sleeps for 1 ms a sentence
            seconds = len(audio(events)) / 2 / RATE
            assert seconds == pytest.approx(PACE * len(TEXT), abs=1.0)
            assert [word for word, _, _ in words(events)] == TEXT.split()
            edges = [edge for _, *word in words(events) for edge in word]
            assert edges == sorted(edges)
            assert edges[0] >= 0
            assert edges[-1] <= seconds
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    counted = samples(await client.prometheus(), "tts_requests_total", endpoint=f"{prefix}/tts/websocket", outcome="ok")
    assert sum(counted) == summary["total_requests"] == len(provider.listeners)


async def test_a_flush_divides_the_audio(start: Start) -> None:
    client = await start()
    async with sdk(client) as cartesia, cartesia.tts.websocket_connect() as connection:
        context = connection.context(**SPEECH)
        await context.push("Stay hungry, ")
        await context.push("", flush=True)
        await context.push("stay foolish.", continue_=False)
        events = await heard(context)
    kinds = [(event.type, getattr(event, "flush_id", None)) for event in events]
    assert list(dict.fromkeys(kinds)) == [("chunk", 1), ("flush_done", 1), ("chunk", 2), ("done", None)]


async def test_a_text_without_an_end_is_spoken_after_the_delay_and_at_once_without_any(start: Start) -> None:
    client = await start()
    async with sdk(client) as cartesia, cartesia.tts.websocket_connect() as connection:
        late = connection.context(**SPEECH, max_buffer_delay_ms=50)
        await late.push("one two three.")
        async with asyncio.timeout(60):
            assert (await anext(late.receive())).type == "chunk"
        await late.no_more_inputs()
        assert (await heard(late))[-1].type == "done"
        divided = connection.context(**SPEECH, max_buffer_delay_ms=0)
        for piece in ("one ", "two ", "three"):
            await divided.push(piece)
        await divided.no_more_inputs()
        await divided.no_more_inputs()
        kinds = [event.type for event in await heard(divided)]
        assert kinds.count("flush_done") == 3
        assert kinds[-1] == "done"


@shows("Cartesia", "cartesia", "interruption")
async def test_a_cancelled_context_frees_the_engine_and_another_one_is_spoken(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with sdk(client) as cartesia, cartesia.tts.websocket_connect() as connection:
        provider.gate.clear()
        context, other = connection.context(**SPEECH), connection.context(**SPEECH)
        await context.push(TEXT * 5)
        await eventually(lambda: len(provider.listeners) == 1)
        await context.cancel()
        await eventually(lambda: provider.closed_generators == 1)
        provider.gate.set()
        await other.push("Another text.", continue_=False)
        events = await heard(other)
        assert len(audio(events)) / 2 / RATE == pytest.approx(PACE * 13, abs=0.2)
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint="/tts/websocket", outcome="cancelled") == [1]


@pytest.mark.parametrize(
    ("encoding", "rate", "width"),
    [("pcm_f32le", 44_100, 4), ("pcm_s16le", 8_000, 2), ("pcm_mulaw", 8_000, 1), ("pcm_alaw", 8_000, 1)],
)
async def test_all_encodings_of_samples(start: Start, encoding: Any, rate: int, width: int) -> None:
    client = await start()
    form = {"container": "raw", "encoding": encoding, "sample_rate": rate}
    async with sdk(client) as cartesia, cartesia.tts.websocket_connect() as connection:
        for speed, factor in (({}, 1.0), ({"speed": "slow"}, 0.8), ({"generation_config": {"speed": 2.0}}, 2.0)):
            context = connection.context(**{**SPEECH, "output_format": form})
            await context.push(TEXT, continue_=False, **speed)
            events = await heard(context)
            data = audio(events)
            assert len(data) % width == 0
            assert len(data) / width / rate == pytest.approx(PACE * len(TEXT) / factor, abs=0.5)
            assert max(len(event.data) for event in events if event.type == "chunk") < 100_000  # SDKs take 1 MiB


async def test_errors_are_the_sdks_own_and_end_one_context(start: Start) -> None:
    client = await start()
    async with sdk(client) as cartesia, cartesia.tts.websocket_connect() as connection:
        context = connection.context(**{**SPEECH, "voice": "nobody"})
        await context.push(TEXT)
        [error] = await heard(context)
        assert (error.type, error.status_code, error.done) == ("error", 404, True)
        assert error.error.startswith("Unknown voice: there is no such voice; available: joe, kan")
        assert error.error_code == "unknown_voice"
        assert error.request_id
        context = connection.context(**SPEECH)
        await context.push("Still here.", continue_=False)
        assert audio(await heard(context))


async def test_keys_are_those_of_the_server(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "agent")
    client = await start(query_keys=True)
    async with sdk(client, key=key) as cartesia, cartesia.tts.websocket_connect() as connection:
        context = connection.context(**SPEECH)
        await context.push("Hello.", continue_=False)
        assert audio(await heard(context))
    async with sdk(client, key=unknown()) as cartesia:
        with pytest.raises(InvalidStatus) as refused:
            await cartesia.tts.websocket_connect().enter()
    assert refused.value.response.status_code == 401
    assert json.loads(refused.value.response.body)["error_code"] == "invalid_api_key"
    # as Pipecat and the SDK in browsers send it
    query = "/tts/websocket?cartesia_version=2026-03-01&cartesia_client=cartesia-js&api_key="
    async with connected(client, query + key) as socket:
        await socket.send(context_id="one", transcript="", **SPEECH)
        assert await socket.receive() == {"type": "done", "done": True, "status_code": 206, "context_id": "one"}
    with pytest.raises(aiohttp.WSServerHandshakeError):
        async with connected(client, query + unknown()):
            pass


def test_the_real_voice_speaks_to_the_sdk_without_asyncio(server_url: str) -> None:
    address = server_url.replace("http", "ws", 1)
    with Cartesia(api_key="none", base_url=server_url, websocket_base_url=address) as cartesia:
        with cartesia.tts.websocket_connect() as connection:
            contexts = [connection.context(voice="alloy", add_timestamps=True, timeout=60) for _ in range(2)]
            for context in contexts:
                for word in TEXT.split():
                    context.push(f"{word} ")
                context.no_more_inputs()
            for context in contexts:  # the first one also reads what belongs to the other
                events = list(context.receive())
                seconds = len(audio(events)) / 4 / 44_100
                assert events[-1].type == "done"
                assert 4.0 < seconds < 10.0
                assert [word for word, _, _ in words(events)] == TEXT.split()
                edges = [edge for _, *word in words(events) for edge in word]
                assert edges == sorted(edges)
                assert edges[-1] <= seconds
        legacy = cartesia.tts.websocket()
        output = legacy.send(transcript="Hello there.", context_id="one", stream=False, **SPEECH, add_timestamps=True)
        assert output.word_timestamps["words"] == ["Hello", "there."]
        assert 0.5 < len(output.audio) / 2 / RATE < 3.0
        legacy.close()
