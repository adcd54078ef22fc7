"""ElevenLabs' messages over its sockets: one text, or several by name."""

from __future__ import annotations

import asyncio
import base64
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import EngineFailed
from server.streaming.streaming_session import MOST_CONTEXTS
from tests.api_keys import create
from tests.examples import examples
from tests.humming_provider import HummingProvider, failing
from tests.recognition import when, words
from tests.service_client import Client, Start, samples
from tests.socket_client import Received, SocketClient, connected, eventually
from tests.timed_humming_provider import TimedHummingProvider

RATE = 16_000
ONE = f"/v1/text-to-speech/joe/stream-input?output_format=pcm_{RATE}"
SEVERAL = f"/v1/text-to-speech/joe/multi-stream-input?output_format=pcm_{RATE}"
ENDPOINT = "/v1/text-to-speech/{voice_id}/"
TEXT = "The rain had stopped by noon. We walked along the river bank, and nobody said a word. Then she laughed."
PACE = 0.065
VIOLATION = aiohttp.WSCloseCode.POLICY_VIOLATION


def seconds(received: list[Received], context: str | None = None) -> float:
    """Returns the seconds of audio of a context."""
    messages = [each for each in received if isinstance(each, dict) and each.get("contextId") == context]
    return sum(len(base64.b64decode(each.get("audio") or "")) for each in messages) / 2 / RATE


def hummed(text: str) -> float:
    return PACE * (len(text) - text.count("."))


async def say(socket: SocketClient, text: str, **fields: Any) -> None:
    await socket.send(text=text, **fields)


@pytest.mark.parametrize("size", [1, 9, 1000])
async def test_a_text_in_pieces_is_spoken_whole(start: Start, size: int) -> None:
    client = await start()
    async with connected(client, ONE) as socket:
        await say(socket, " ", voice_settings={"stability": 0.5, "speed": 1}, generation_config={}, xi_api_key="none")
        for at in range(0, len(TEXT), size):
            await say(socket, TEXT[at : at + size], try_trigger_generation=True)
        await say(socket, "")
        received = await socket.rest()
        assert socket.socket.close_code == aiohttp.WSCloseCode.OK
    assert received[-1] == {"isFinal": True, "audio": None, "alignment": None, "normalizedAlignment": None}
    assert all(message["isFinal"] is None for message in received[:-1] if isinstance(message, dict))
    assert hummed(TEXT) - 0.1 <= seconds(received) <= hummed(TEXT) + 0.7  # pauses between utterances
    text = await client.prometheus()
    counted = samples(text, "tts_requests_total", endpoint=f"{ENDPOINT}stream-input", outcome="ok")
    assert sum(counted) >= 1


async def test_a_flush_speaks_what_has_arrived_and_ends_nothing(start: Start) -> None:
    client = await start(buffer_delay_seconds=30.0)
    async with connected(client, ONE) as socket:
        for text in ("One two", "three"):
            await say(socket, text, flush=True)
            message = await socket.receive()
            assert isinstance(message, dict)
            assert message["audio"]


async def test_a_client_that_never_flushes_is_spoken_after_a_while(start: Start) -> None:
    client = await start(buffer_delay_seconds=0.05)
    async with connected(client, ONE) as socket:
        await say(socket, "one two ")
        assert seconds([await socket.receive() or {}]) == pytest.approx(hummed("one two"), abs=0.1)


@pytest.mark.parametrize("path", [ONE, SEVERAL])
async def test_in_auto_mode_each_message_is_spoken_as_it_is(start: Start, path: str) -> None:
    client = await start(buffer_delay_seconds=30.0)
    async with connected(client, f"{path}&auto_mode=true") as socket:
        await say(socket, "one two")
        message = await socket.receive()
        assert isinstance(message, dict)
        assert message["audio"]


@pytest.mark.parametrize("continuous", [False, True])
async def test_alignments_add_up_to_the_audio(start: Start, continuous: bool) -> None:
    client = await start(TimedHummingProvider())
    async with connected(client, f"{ONE}&sync_alignment={str(continuous).lower()}") as socket:
        await say(socket, TEXT, flush=True)
        await say(socket, "")
        received = await socket.rest()
    text, aligned, begin = "", 0, 0.0
    for message in received:
        assert isinstance(message, dict)
        assert message["alignment"] == message["normalizedAlignment"]
        times = message["alignment"]
        if times is not None:
            text += "".join(times["chars"])
            starts = times["charStartTimesMs"]
            assert starts == sorted(starts)
            end = starts[-1] + times["charDurationsMs"][-1]
            if continuous:
                assert starts[0] >= aligned
                aligned = end
            else:
                assert times["chars"] == [" "] or aligned == pytest.approx(begin * 1e3, abs=2)
                aligned += end
        begin += seconds([message])
    assert text.split() == TEXT.split()
    length = seconds(received) * 1e3
    assert length / 2 < aligned <= length + 5 if continuous else aligned == pytest.approx(length, abs=5)


async def test_two_contexts_speak_at_once(start: Start) -> None:
    client = await start(TimedHummingProvider())
    texts = {"first": TEXT, "second": "Something else. " * 4}
    async with connected(client, SEVERAL) as socket:
        for name in texts:
            await say(socket, " ", context_id=name, voice_settings={})
        for at in range(0, len(TEXT), 7):
            for name, text in texts.items():
                await say(socket, text[at : at + 7], context_id=name)
        for name in texts:
            await say(socket, "", context_id=name, flush=True)
            await socket.send(context_id=name, close_context=True)
        received: list[Received] = []
        while sum(message["isFinal"] is True for message in received if isinstance(message, dict)) < len(texts):
            received.append(await socket.receive() or {})
        await socket.send(close_socket=True)
        assert await socket.rest() == []
    for name, text in texts.items():
        assert hummed(text.strip()) - 0.2 <= seconds(received, name) <= hummed(text) + 1.0
        messages = [message for message in received if isinstance(message, dict) and message["contextId"] == name]
        assert messages[-1]["isFinal"] is True
        times = [message["alignment"] for message in messages if message["alignment"]]
        assert "".join(character for each in times for character in each["chars"]).split() == text.split()


async def test_an_interruption_amid_speech_stops_the_engine(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, SEVERAL) as socket:
        await say(socket, "A first sentence. ", context_id="old", flush=True)
        await socket.receive()
        provider.gate.clear()
        await say(socket, TEXT * 3, context_id="old")
        await eventually(lambda: len(provider.listeners) == 2)
        await socket.send(context_id="old", close_context=True)
        assert await socket.until(contextId="old", isFinal=True)
        assert provider.closed_generators == 2
        provider.gate.set()
        await say(socket, "Another text.", context_id="new", flush=True)
        await socket.send(context_id="new", close_context=True)
        received = await socket.until(contextId="new", isFinal=True)
        assert seconds(received, "old") == 0
        assert seconds(received, "new") == pytest.approx(hummed("Another text."), abs=0.1)
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", endpoint=f"{ENDPOINT}multi-stream-input", outcome="cancelled") == [1]


async def test_messages_about_contexts_that_are_not_open_are_ignored(start: Start) -> None:
    client = await start()
    async with connected(client, SEVERAL) as socket:
        await say(socket, "")
        await say(socket, "", context_id="none")
        await socket.send(context_id="none", flush=True)
        await socket.send(contextId="none", close_context=True)
        await say(socket, "Hello.", flush=True)  # without a name
        message = await socket.receive()
        assert isinstance(message, dict)
        assert message["contextId"] == "default"
        await say(socket, "")
        await socket.send(close_socket=True)
        received = await socket.rest()
        assert received[-1]["isFinal"]  # type: ignore[call-overload]


async def test_a_context_without_messages_ends(start: Start) -> None:
    client = await start()
    async with connected(client, f"{SEVERAL}&inactivity_timeout=1") as socket:
        await say(socket, "Hello. ", flush=True)
        assert seconds(await socket.until(isFinal=True), "default") > 0
        await say(socket, "Again.", flush=True)
        assert seconds([await socket.receive() or {}], "default") > 0


async def test_a_text_that_never_ends_is_an_error(start: Start) -> None:
    client = await start()
    async with connected(client, f"{ONE}&inactivity_timeout=1") as socket:
        await say(socket, "Hello. ", flush=True)
        *received, error = await socket.rest()
        assert seconds(received) > 0
        assert isinstance(error, dict)
        assert error["error"] == "input_timeout_exceeded"
        assert error["code"] == socket.socket.close_code == VIOLATION
    endpoint = f"{ENDPOINT}stream-input"
    assert samples(await client.prometheus(), "tts_sockets_closed_total", endpoint=endpoint, reason="idle") == [1]


async def test_a_context_that_fails_says_so(start: Start) -> None:
    provider = failing(EngineFailed("no voice"))
    client = await start(provider)
    async with connected(client, SEVERAL) as socket:
        await say(socket, "Hello.", context_id="a", flush=True)
        error, _ = await socket.until(isFinal=True)
        assert isinstance(error, dict)
        assert (error["contextId"], error["error"], error["code"]) == ("a", "engine_failed", 1008)
        provider.failure = None
        await say(socket, "Hello.", context_id="b", flush=True)
        assert seconds([await socket.receive() or {}], "b") > 0


@pytest.mark.parametrize("path", [ONE, SEVERAL])
async def test_a_message_that_is_refused_ends_the_socket(start: Start, path: str) -> None:
    client = await start(max_text_characters=200)
    refused = [
        ("[]", "json object"),
        ('{"text": 5}', "text"),
        ('{"text": "a", "pitch": 1}', "allowed fields"),
        ('{"text": "a", "voice_settings": {"speed": 9}}', "voice_settings.speed"),
        ('{"text": "a", "voice_settings": {"warmth": 1}}', "voice_settings"),
        ('{"text": "a", "pronunciation_dictionary_locators": [{}]}', "pronunciation_dictionary_locators"),
        (json.dumps({"text": "a" * 201}), "200 characters"),
    ]
    for message, part in refused:
        async with connected(client, path) as socket:
            await socket.socket.send_str(message)
            [answer] = await socket.rest()
            assert isinstance(answer, dict)
            assert answer["code"] == socket.socket.close_code == VIOLATION
            assert part in answer["message"].lower()
            assert "pitch" not in answer["message"]
            assert "warmth" not in answer["message"]
    async with connected(client, path) as socket:
        await say(socket, " ", voice_settings={"speed": 1.0})
        await say(socket, "a", voice_settings={"speed": 2.0})
        [answer] = await socket.rest()
        assert "voice_settings" in answer["message"]  # type: ignore[call-overload]
    reason = {"reason": "refused", "endpoint": ENDPOINT + path.split("/")[4].partition("?")[0]}
    assert samples(await client.prometheus(), "tts_sockets_closed_total", **reason) == [len(refused) + 1]


@pytest.mark.parametrize(
    ("path", "status", "detail"),
    [
        ("nobody/stream-input", 404, "unknown_voice"),
        ("joe/stream-input?output_format=wav_24000", 422, "output_format"),
        ("joe/stream-input?language_code=fi", 422, "language_code"),
        ("joe/multi-stream-input?enable_ssml_parsing=true", 422, "enable_ssml_parsing"),
        ("joe/multi-stream-input?apply_text_normalization=off", 422, "apply_text_normalization"),
        ("joe/multi-stream-input?inactivity_timeout=181", 422, "inactivity_timeout"),
        ("joe/multi-stream-input?pitch=1", 422, "query"),
    ],
)
async def test_handshakes_that_are_refused(start: Start, path: str, status: int, detail: str) -> None:
    client = await start()
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
    async with client.session.get(f"{client.url}/v1/text-to-speech/{path}", headers=headers) as response:
        body = (await response.json())["detail"]
    assert response.status == status
    assert detail == (body["status"] if isinstance(body, dict) else body[0]["loc"][-1])
    assert sum(samples(await client.prometheus(), "tts_requests_total", outcome="rejected")) == 1


async def test_the_key_is_a_header_and_not_a_message(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "agent")
    client = await start()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        async with connected(client, ONE):
            pass
    assert refused.value.status == 401
    async with connected(client, ONE, headers={"xi-api-key": key}) as socket:
        await say(socket, "Hello.", flush=True)
        assert await socket.receive() is not None


async def test_what_a_client_floods_is_bounded(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, SEVERAL) as socket:
        for number in range(MOST_CONTEXTS + 1):
            await say(socket, " ", context_id=f"context {number}")
        [answer] = await socket.rest()
        assert isinstance(answer, dict)
        assert "contexts" in answer["message"]
        assert socket.socket.close_code == VIOLATION
    async with connected(client, SEVERAL) as socket:
        await say(socket, " ", context_id="n" * 1000)
        [answer] = await socket.rest()
        assert "context_id" in answer["message"]  # type: ignore[call-overload]
    async with connected(client, ONE) as socket:
        provider.gate.clear()
        await say(socket, TEXT)
        await eventually(lambda: len(provider.listeners) == 1)
        with suppress(ConnectionError):  # the server may be faster
            await socket.socket.send_str("x" * 10_000_000)
            await socket.rest()
    await eventually(lambda: provider.closed_generators == 1)


WORDS = st.text(max_size=30) | st.sampled_from(["Hello there. ", "One, two, ", "...", " ", "", "\ud83d\ude00", "!? "])
JUNK = st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=5) | st.lists(st.none(), max_size=2)
FLAGS = st.sampled_from([True, False, None])
OPTIONAL = {
    "flush": FLAGS,
    "try_trigger_generation": FLAGS,
    "voice_settings": st.sampled_from([None, {}, {"stability": 0.5}]),
}
MESSAGES = {
    ONE: st.fixed_dictionaries({"text": WORDS}, optional=OPTIONAL),
    SEVERAL: st.fixed_dictionaries(
        {"context_id": st.sampled_from(["a", "b", "c"])}, optional={**OPTIONAL, "text": WORDS, "close_context": FLAGS}
    ),
}
STRANGE = st.dictionaries(st.sampled_from(["text", "context_id", "flush", "voice_settings", "close_socket"]), JUNK)


async def converse(client: Client, path: str, messages: list[Any]) -> None:
    """Sends messages, the last one of the format, and looks at all answers."""
    async with connected(client, path) as socket:
        for message in messages:
            await socket.socket.send_str(json.dumps(message))
        await socket.send(**({"close_socket": True} if path == SEVERAL else {"text": ""}))
        received = await socket.rest()
        assert socket.socket.close_code in {aiohttp.WSCloseCode.OK, VIOLATION}
    for message in received:
        assert isinstance(message, dict)
        assert not message.keys() - {
            "audio", "alignment", "normalizedAlignment", "isFinal", "contextId", "message", "error", "code"
        }  # fmt: skip
        assert message.get("contextId", "a") in {"a", "b", "c", "default"}
        assert message.get("error") not in {"internal_error", "engine_failed"}


@pytest.mark.parametrize("path", [ONE, SEVERAL])
async def test_messages_of_strangers(start: Start, path: str) -> None:
    provider = TimedHummingProvider()
    client = await start(provider)
    loop = asyncio.get_running_loop()

    @given(st.lists(MESSAGES[path], max_size=12), st.lists(STRANGE, max_size=1))
    @settings(max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def converse_with(messages: list[Any], strange: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(converse(client, path, messages + strange), loop).result(60)

    await asyncio.to_thread(converse_with)
    endpoint = ENDPOINT + path.split("/")[4].partition("?")[0]
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    text = await client.prometheus()
    assert sum(samples(text, "tts_requests_total", endpoint=endpoint)) == summary["total_requests"] > 0
    assert not samples(text, "tts_requests_total", endpoint=endpoint, outcome="error")
    assert samples(text, "tts_sockets", endpoint=endpoint) == [0]
    assert not any(samples(text, "tts_sockets_closed_total", endpoint=endpoint, reason="failed"))


async def test_words_are_where_a_recogniser_hears_them(server_url: str) -> None:
    said = "The old man walked slowly along the river bank and watched the boats. Children played near the bridge."
    url = f"{server_url.replace('http', 'ws', 1)}/v1/text-to-speech/joe/stream-input?output_format=pcm_22050"
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as opened:
        socket = SocketClient(opened)
        await say(socket, said)
        await say(socket, "")
        received = await socket.rest()
    audio, starts, clock, between = b"", [], 0, True
    for message in received:
        assert isinstance(message, dict)
        audio += base64.b64decode(message["audio"] or "")
        times = message["alignment"] or {"chars": [], "charStartTimesMs": [], "charDurationsMs": []}
        for character, start in zip(times["chars"], times["charStartTimesMs"], strict=True):
            if between and character != " ":
                starts.append((clock + start) / 1e3)
            between = character == " "
        clock += (times["charStartTimesMs"] or [0])[-1] + (times["charDurationsMs"] or [0])[-1]
    samples = np.frombuffer(audio, "<i2") / np.float32(32768)
    apart = [start - begin for start, (begin, _) in zip(starts, when(samples, 22_050, words(said)), strict=True)]
    assert np.abs(apart).mean() < 0.06
    assert np.abs(apart).max() < 0.2
