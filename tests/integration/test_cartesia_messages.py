"""Messages of strangers over Cartesia's socket: each is answered in its format, and the server lives."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import NothingToSpeak
from server.streaming.context import MOST_PARTS
from server.streaming.streaming_session import MOST_CONTEXTS
from server.streaming.utterance_synthesizer import UtteranceSynthesizer
from tests.examples import examples
from tests.humming_provider import HummingProvider
from tests.integration.test_cartesia import SPEECH
from tests.integration.test_socket_messages import JUNK, WORDS
from tests.service_client import Client, Start, samples
from tests.socket_client import SocketClient, connected, eventually

PATH = "/tts/websocket"
DONE = {"type": "done", "done": True, "status_code": 206}
SECRET = "xylocanary"


async def say(socket: SocketClient, context: str, text: str, **fields: Any) -> None:
    await socket.send(**{**SPEECH, "context_id": context, "transcript": text, **fields})


REFUSED = [
    ({"voice": {"mode": "embedding", "embedding": [1.0], "id": SECRET}}, 422, "voice.mode"),
    ({"voice": SECRET}, 404, "no such voice"),
    ({"language": SECRET}, 422, "speaks only"),
    ({"add_phoneme_timestamps": True}, 422, "add_phoneme_timestamps"),
    ({"use_normalized_timestamps": True}, 422, "use_normalized_timestamps"),
    ({"pronunciation_dict_id": SECRET}, 422, "pronunciation_dict_id"),
    ({"add_timestamps": True}, 422, "timestamps"),
    ({"output_format": {"container": "wav", "encoding": "pcm_s16le", "sample_rate": 8000}}, 422, "container"),
    ({"output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 1}}, 422, "sample_rate"),
    ({"max_buffer_delay_ms": 5001}, 422, "max_buffer_delay_ms"),
    ({"continue": "yes"}, 422, "continue"),
    ({"transcript": 5}, 422, "transcript"),
    ({"transcript": SECRET * 600}, 413, "characters"),
    ({"cancel": True}, 422, "allowed fields are cancel, context_id"),
    ({SECRET: 1}, 422, "allowed fields"),
]


async def test_what_is_refused_is_named_and_ends_its_context_alone(start: Start) -> None:
    client = await start()
    async with connected(client, PATH) as socket:
        for wrong, status, message in REFUSED:
            await say(socket, "one", "Hello.", **wrong)
            error = await socket.receive()
            assert isinstance(error, dict)
            assert (error["type"], error["status_code"], error["context_id"]) == ("error", status, "one"), wrong
            assert message in error["message"]
            assert error["done"] is True
            assert SECRET not in json.dumps(error)
        for name in (None, 5, "", "x" * 257):
            await socket.send(**SPEECH, context_id=name, transcript="Hello.")
            error = await socket.receive()
            assert isinstance(error, dict)
            assert "context_id" not in error
            assert "context_id: must be" in error["message"]
        await say(socket, "one", "Hello.", **{"continue": True, "max_buffer_delay_ms": 0})
        await socket.until(type="flush_done")
        await socket.socket.send_bytes(b"{}")  # belongs to no context
        [error] = await socket.until(type="error")
        assert isinstance(error, dict)
        assert "context_id" not in error
        await say(socket, "one", "Good bye.")
        assert (await socket.until(type="done"))[-1] == {**DONE, "context_id": "one"}


async def test_nothing_follows_a_cancel(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await say(socket, "one", "One sentence. Two sentences. " * 10, **{"continue": True})
        assert isinstance(await socket.receive(), dict)
        await socket.send(context_id="one", cancel=True)
        await socket.send(context_id="unknown", cancel=True)
        await eventually(lambda: provider.closed_generators == len(provider.listeners))
        await client.until(lambda body: body["requests_in_flight"] == 0)
        await say(socket, "two", "Hello.")
        received = [message["context_id"] for message in await socket.until(type="done") if isinstance(message, dict)]
        first = received.index("two")
        assert set(received[first:]) == {"two"}
        await say(socket, "one", "Hello.")  # its name may be used again
        assert {message["context_id"] for message in await socket.until(type="done")} == {"one"}  # type: ignore[call-overload]


async def test_a_context_whose_text_has_ended_takes_no_more_and_says_so_once(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        provider.gate.clear()
        await say(socket, "one", "Hello.")
        await say(socket, "one", " ")
        provider.gate.set()
        await socket.until(type="done")
        provider.gate.clear()
        await say(socket, "two", "Hello.")
        await say(socket, "two", "Hello again.")
        error = await socket.receive()
        assert isinstance(error, dict)
        assert (error["type"], error["context_id"]) == ("error", "two")


async def test_what_a_client_floods_is_bounded(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        for number in range(MOST_CONTEXTS + 1):  # an idle context makes room
            await say(socket, f"idle {number}", "", **{"continue": True})
        await say(socket, "next", "Hello.")
        assert (await socket.until(type="done"))[-1] == {**DONE, "context_id": "next"}
        provider.gate.clear()
        for number in range(MOST_CONTEXTS):
            await say(socket, f"busy {number}", "Hello.")
        await say(socket, "one more", "Hello.")
        error = (await socket.until(type="error"))[-1]
        assert isinstance(error, dict)
        assert error["context_id"] == "one more"
        assert f"at most {MOST_CONTEXTS} contexts" in error["message"]
        for number in range(MOST_CONTEXTS):
            await socket.send(context_id=f"busy {number}", cancel=True)
        for _ in range(MOST_PARTS + 10):
            await say(socket, "flushed", "Hello. ", flush=True, **{"continue": True})
        error = (await socket.until(type="error"))[-1]
        assert isinstance(error, dict)
        assert error["context_id"] == "flushed"
        provider.gate.set()
        await socket.socket.send_str("x" * 10_000_000)
        await socket.rest()
        assert socket.socket.close_code == aiohttp.WSCloseCode.MESSAGE_TOO_BIG
    await client.until(lambda body: body["requests_in_flight"] == 0)


async def test_a_client_that_vanishes_frees_the_engine(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        provider.gate.clear()
        for name in ("one", "two"):
            await say(socket, name, "Hello. " * 20, **{"continue": True})
        await eventually(lambda: len(provider.listeners) == 2)
        socket.socket._response.connection.transport.abort()
        await eventually(lambda: provider.closed_generators == 2)
        provider.gate.set()
    await client.until(lambda body: body["requests_in_flight"] == 0)


async def test_a_failure_ends_its_context_and_others_are_spoken(start: Start) -> None:
    provider = HummingProvider()
    provider.failure = RuntimeError(SECRET)
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await say(socket, "one", "Hello.")
        error = await socket.receive()
        assert isinstance(error, dict)
        assert (error["type"], error["status_code"], error["context_id"]) == ("error", 500, "one")
        assert SECRET not in json.dumps(error)
        provider.failure = None
        await say(socket, "one", "Hello.")
        await socket.until(type="done")


@pytest.mark.parametrize("query", ["?voice=joe", "?cartesia_version=1&cartesia_version=2"])
async def test_a_handshake_is_refused_in_cartesias_format(start: Start, query: str) -> None:
    client = await start()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    async with client.session.get(f"{client.url}{PATH}{query}", headers=headers) as response:
        assert response.status == 422
        assert (await response.json())["error_code"] == "invalid_request"


NAMES = st.sampled_from(["one", "two", "three"])
FIELDS = st.fixed_dictionaries(
    {"context_id": NAMES, "transcript": WORDS},
    optional={
        "continue": st.booleans(),
        "flush": st.booleans(),
        "max_buffer_delay_ms": st.sampled_from([0, 10, 5000]),
        "speed": st.sampled_from(["slow", "fast", None]),
        "voice": st.sampled_from(["joe", "kan", "nobody"]),
        "add_timestamps": st.booleans(),
    },
)
GENERATIONS = FIELDS.map(lambda fields: {**SPEECH, "language": None, **fields})
CANCELLATIONS = NAMES.map(lambda name: {"context_id": name, "cancel": True})
SPOILED = st.tuples(GENERATIONS, st.sampled_from([*SPEECH, "context_id", "transcript", "continue"]), JUNK).map(
    lambda spoiled: {**spoiled[0], spoiled[1]: spoiled[2]}
)
MESSAGES = GENERATIONS | GENERATIONS | CANCELLATIONS | SPOILED | JUNK | st.binary(max_size=20)


async def converse(client: Client, messages: list[Any]) -> None:
    """Sends messages, and holds the answers to what the messages of each context allow."""
    async with connected(client, PATH) as socket:
        for message in messages:
            if isinstance(message, bytes):
                await socket.socket.send_bytes(message)
            else:
                await socket.socket.send_str(json.dumps(message))
        await socket.send(**SPEECH, context_id="last", transcript="")
        received = await socket.until(type="done", context_id="last")
    open_flushes: dict[str, int] = {}
    for answer in received:
        assert isinstance(answer, dict)
        assert answer["type"] in {"chunk", "flush_done", "done", "error"}
        assert answer["done"] == (answer["type"] in {"done", "error"})
        if answer["type"] == "error":
            assert answer["status_code"] < 500
        elif answer["type"] != "done":
            name = answer["context_id"]
            assert answer["flush_id"] >= open_flushes.get(name, 1) or answer["flush_id"] == 1
            open_flushes[name] = answer["flush_id"]


async def test_whatever_is_sent_is_answered_and_counted_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    speak = UtteranceSynthesizer.speak
    utterances = 0

    async def counted(*arguments: Any) -> None:
        nonlocal utterances
        utterances += 1
        try:
            await speak(*arguments)
        except NothingToSpeak:  # it is silence, and no request
            utterances -= 1
            raise

    monkeypatch.setattr(UtteranceSynthesizer, "speak", counted)
    client = await start()
    loop = asyncio.get_running_loop()

    @given(st.lists(MESSAGES, max_size=12))
    @settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def converse_with(messages: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(converse(client, messages), loop).result(60)

    await asyncio.to_thread(converse_with)
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    text = await client.prometheus()
    assert sum(samples(text, "tts_requests_total", endpoint=PATH)) == summary["total_requests"] == utterances > 0
    assert not samples(text, "tts_requests_total", endpoint=PATH, outcome="error")
    assert samples(text, "tts_sockets", endpoint=PATH) == [0]
    assert not any(samples(text, "tts_sockets_closed_total", endpoint=PATH, reason="failed"))
