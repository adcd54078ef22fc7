"""Sessions whose text arrives in pieces, over Deepgram's socket, which has the fewest messages."""

from __future__ import annotations

import asyncio
import json
import socket as sockets
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import numpy as np
import pytest

from server.streaming import socket_route
from server.streaming.context import MOST_PARTS
from tests.api_keys import create, unknown
from tests.humming_provider import HummingProvider, failing
from tests.service_client import Client, Start, samples
from tests.socket_client import SocketClient, audio_of, connected, eventually

SPEAK = "/v1/speak?model=joe"
TEXT = "The rain had stopped by noon. We walked along the river bank, and nobody said a word. Then she laughed."
PAUSE = 0.2


def seconds(data: bytes, rate: int = 24_000) -> float:
    return len(data) / 2 / rate


async def spoken(client: Client, text: str) -> float:
    """Returns the seconds of a whole call's audio."""
    _, _, body = await client.tts({"text": text, "voice_name": "joe", "response_format": "pcm"})
    return seconds(body)


async def say(socket: SocketClient, *pieces: str) -> list[dict | bytes]:
    """Sends pieces of a text and a flush; returns what comes back."""
    for piece in pieces:
        await socket.send(type="Speak", text=piece)
    await socket.send(type="Flush")
    return await socket.until(type="Flushed")


async def one(client: Client) -> list[dict | bytes]:
    """Returns what a socket of its own sends for a short text."""
    async with connected(client, SPEAK) as socket:
        return await say(socket, "Hello.")


@pytest.mark.parametrize("size", [1, 9, 1000])
async def test_a_text_in_pieces_is_spoken_whole(start: Start, size: int) -> None:
    client = await start()
    async with connected(client, SPEAK) as socket:
        metadata = await socket.receive()
        assert isinstance(metadata, dict)
        assert metadata["type"] == "Metadata"
        assert metadata["model_name"] == "joe"
        received = await say(socket, *(TEXT[at : at + size] for at in range(0, len(TEXT), size)))
        assert received[-1] == {"type": "Flushed", "sequence_id": 0}
        await socket.send(type="Close")
        assert await socket.rest() == []
        assert socket.socket.close_code == aiohttp.WSCloseCode.OK
    # the humming voice has no pauses of its own between sentences; separate utterances are 0.2 s apart
    whole = await spoken(client, TEXT)
    assert whole - 0.1 <= seconds(audio_of(received)) <= whole + 2 * PAUSE + 0.1


async def test_speech_begins_before_the_text_has_ended(start: Start) -> None:
    client = await start()
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        await socket.send(type="Speak", text="When the rain had stopped, we walked ")
        assert isinstance(await socket.receive(), bytes)
        assert not socket.socket.closed


async def test_a_text_without_an_end_is_spoken_after_a_while(start: Start) -> None:
    client = await start(buffer_delay_seconds=0.05)
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        await socket.send(type="Speak", text="one two thr")
        first = audio_of([await socket.receive() or b""])
        assert 0.2 < seconds(first) < 0.8  # "thr" is not spoken
        received = await say(socket, "ee")
        assert seconds(audio_of(received)) > 0.2


async def test_every_utterance_is_recorded_once_and_a_socket_is_one_trace(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        await say(socket, "First.")
        await say(socket, "Second.")
        await say(socket, "...", " ")  # nothing to say is silence, and no request
        headers = socket.socket._response.headers
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    assert summary["total_requests"] == 2
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint="/v1/speak", outcome="ok", status_code="200") == [2]
    assert sum(samples(text, "tts_time_to_first_audio_seconds_count", word_count_range="1-10")) == 2
    traces = (await client.json("/traces"))["last"]
    assert {trace["trace_id"] for trace in traces} == {headers["X-Trace-ID"]}
    assert len({listener.origin.span_id for listener in provider.listeners}) == 2


async def test_a_clear_stops_the_engine_and_nothing_more_of_the_text_is_sent(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        provider.gate.clear()
        await socket.send(type="Speak", text="A first sentence. " * 20)
        await eventually(lambda: len(provider.listeners) == 1)
        await socket.send(type="Clear")
        assert await socket.receive() == {"type": "Cleared", "sequence_id": 0}
        await eventually(lambda: provider.closed_generators == 1)
        provider.gate.set()
        received = await say(socket, "Another text.")
        assert await spoken(client, "Another text.") == pytest.approx(seconds(audio_of(received)), abs=0.1)
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint="/v1/speak", outcome="cancelled") == [1]


async def test_a_client_that_vanishes_stops_the_engine(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        provider.gate.clear()
        await socket.send(type="Speak", text=TEXT * 3)
        await eventually(lambda: len(provider.listeners) == 1)
        transport = socket.socket._response.connection.transport
        transport.abort()
    await eventually(lambda: provider.closed_generators == 1)
    provider.gate.set()
    await client.until(lambda body: body["requests_in_flight"] == 0)
    assert samples(await client.prometheus(), "tts_cancellations_total", reason="before_answer") == [1]


async def test_a_client_that_reads_nothing_is_cut_off(start: Start) -> None:
    client = await start(send_seconds=0.3)
    address = urlsplit(client.url)
    with sockets.create_connection((address.hostname, address.port)) as raw:
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.sendall(
            f"GET {SPEAK}&sample_rate=48000 HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        for _ in range(3):
            message = json.dumps({"type": "Speak", "text": "A long sentence that goes on. " * 40}).encode()
            raw.sendall(bytes([0x81, 0xFE]) + len(message).to_bytes(2, "big") + bytes(4) + message)
        await client.until(lambda body: body["total_requests"] >= 1 and body["requests_in_flight"] == 0)
    assert samples(await client.prometheus(), "tts_cancellations_total", reason="slow_reader") == [1]


async def test_a_failure_is_said_and_the_next_text_is_spoken(start: Start) -> None:
    provider = failing(RuntimeError("broken"))
    client = await start(provider)
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        received = await say(socket, "One.")
        assert isinstance(received[0], dict)
        assert received[0]["type"] == "Error"
        assert "broken" not in received[0]["description"]
        provider.failure = None
        assert audio_of(await say(socket, "Two."))


async def test_messages_that_are_refused_name_the_field_and_end_nothing(start: Start) -> None:
    client = await start(max_text_characters=200)
    refused = [
        ("[]", "json object"),
        ("nonsense", "json object"),
        ('{"type": "Sing"}', "type"),
        ('{"type": "Speak"}', "text"),
        ('{"type": "Speak", "text": 5}', "text"),
        ('{"type": "Speak", "text": "a", "pitch": 1}', "allowed fields"),
        (json.dumps({"type": "Speak", "text": "a" * 201}), "200 characters"),
    ]
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        for message, words in refused:
            await socket.socket.send_str(message)
            answer = await socket.receive()
            assert isinstance(answer, dict)
            assert answer["type"] == "Warning"
            assert words in answer["description"].lower()
            assert "sing" not in answer["description"].lower().replace("missing", "")
        await socket.socket.send_bytes(b"audio")
        answer = await socket.receive()
        assert isinstance(answer, dict)
        assert answer["type"] == "Warning"
        assert audio_of(await say(socket, "Still here."))


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("model=nobody", 404, "no such voice"),
        ("encoding=opus", 422, "encoding: "),
        ("sample_rate=1", 422, "sample_rate: "),
        ("container=wav", 422, "container: "),
        ("speed=9", 422, "speed: "),
        ("pitch=1", 422, "allowed fields"),
        ("model=joe&model=kan", 422, "model: must be given once"),
    ],
)
async def test_handshakes_that_are_refused(start: Start, query: str, status: int, words: str) -> None:
    client = await start()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    async with client.session.get(f"{client.url}/v1/speak?{query}", headers=headers) as response:
        error = await response.json()
    assert response.status == status
    assert words in error["err_msg"]
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint="/v1/speak", outcome="rejected") == [1]


async def test_a_call_without_an_upgrade_is_told_so(start: Start) -> None:
    client = await start()
    async with client.session.get(f"{client.url}/v1/speak") as response:
        assert response.status == 426
        assert response.headers["Upgrade"] == "websocket"


async def test_keys_are_checked_and_their_limits_hold_for_each_utterance(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "agent")
    client = await start(requests_per_minute=2)
    for headers in ({}, {"Authorization": f"Token {unknown()}"}):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(client, SPEAK, headers=headers):
                pass
        assert refused.value.status == 401
    async with connected(client, SPEAK, headers={"Authorization": f"Token {key}"}) as socket:
        await socket.receive()
        for _ in range(2):
            assert audio_of(await say(socket, "Hello."))
        [error, *_] = await say(socket, "Hello.")
        assert isinstance(error, dict)
        assert error["code"] == "RATE_LIMIT_EXCEEDED"
    async with connected(client, SPEAK, protocols=["token", key]) as socket:  # as browsers send it
        assert isinstance(await socket.receive(), dict)
        assert socket.socket.protocol == "token"
    async with client.session.get(f"{client.service.management_url}/metrics") as response:
        assert samples(await response.text(), "tts_rate_limited_total", reason="requests_per_minute") == [1]


async def test_pages_of_other_sites_open_no_socket(start: Start) -> None:
    client = await start()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(client, SPEAK, headers={"Origin": "https://evil.example"}):
            pass
    assert refused.value.status == 403


async def test_the_number_of_sockets_is_limited(start: Start) -> None:
    client = await start(max_sockets=4, max_client_share=0.5)
    async with connected(client, SPEAK), connected(client, SPEAK):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with connected(client, SPEAK):
                pass
        assert refused.value.status == 503
    async with connected(client, SPEAK) as socket:
        assert await socket.receive() is not None


async def test_an_idle_socket_is_closed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket_route, "LOOK_SECONDS", 0.02)
    client = await start(socket_idle_seconds=0.1)
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        assert await socket.rest() == []


async def test_what_a_client_floods_is_bounded(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        await socket.send(type="Speak", text="One.")
        for _ in range(MOST_PARTS + 10):
            await socket.send(type="Flush")
        [warning] = await socket.until(type="Warning")
        assert isinstance(warning, dict)
        assert "flushes" in warning["description"]
        await socket.send(type="Clear")
        await socket.until(type="Cleared")
        provider.gate.set()
        with suppress(aiohttp.ClientError, ConnectionError):  # the server reads no more of it
            await socket.socket.send_str("x" * 10_000_000)
        assert [each for each in await socket.rest() if isinstance(each, bytes)] == []
    assert audio_of(await one(client))


async def test_a_server_that_stops_closes_idle_sockets_and_finishes_the_others(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, shutdown_delay_seconds=0.01, drain_seconds=30.0)
    async with connected(client, SPEAK) as idle, connected(client, SPEAK) as busy:
        await idle.receive()
        await busy.receive()
        provider.gate.clear()
        await busy.send(type="Speak", text="One.")
        await busy.send(type="Flush")
        await eventually(lambda: len(provider.listeners) == 1)
        stopping = asyncio.create_task(client.service.stop())
        assert await idle.rest() == []
        assert idle.socket.close_code == aiohttp.WSCloseCode.GOING_AWAY
        provider.gate.set()
        received = await busy.until(type="Flushed")
        assert audio_of(received)
        assert await busy.rest() == []
        await stopping


async def test_audio_is_that_of_a_whole_call_where_the_boundaries_are_the_same(start: Start) -> None:
    client = await start()
    async with connected(client, SPEAK) as socket:
        await socket.receive()
        received = await say(socket, "The rain had stopped by noon.")
    _, _, whole = await client.tts({"text": "The rain had stopped by noon.", "response_format": "pcm"})
    mine, theirs = np.frombuffer(audio_of(received), "<i2"), np.frombuffer(whole, "<i2")
    assert len(mine) == len(theirs)
    assert np.abs(mine.astype(int) - theirs.astype(int)).max() <= 1
