"""vLLM-Omni's socket for speech, by its messages."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import wave
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.errors import EngineFailed
from tests.api_keys import create
from tests.examples import examples
from tests.humming_provider import HummingProvider, failing
from tests.integration.test_socket_messages import JUNK, WORDS
from tests.service_client import Client, Start, samples
from tests.socket_client import Received, SocketClient, audio_of, connected, eventually
from tests.timed_provider import TimedProvider

PATH = "/v1/audio/speech/stream"
RATE = 24_000
SENTENCES = ("The rain had stopped by noon. ", "We walked along the river bank, and nobody said a word. ")
TEXT = "".join(SENTENCES)
STREAM = {"response_format": "pcm", "stream_audio": True}


async def configure(socket: SocketClient, **fields: Any) -> None:
    await socket.send(type="session.config", voice="joe", **fields)


async def say(socket: SocketClient, *pieces: str) -> list[Received]:
    """Sends the pieces of a text and its end; returns the answers."""
    for piece in pieces:
        await socket.send(type="input.text", text=piece)
    await socket.send(type="input.done")
    return await socket.until(type="session.done")


def messages(received: list[Received], kind: str) -> list[dict[str, Any]]:
    return [message for message in received if isinstance(message, dict) and message["type"] == kind]


async def whole(client: Client, text: str, form: str) -> bytes:
    _, _, body = await client.tts({"text": text, "voice_name": "joe", "response_format": form})
    return body


async def test_a_text_is_spoken_whole_at_its_end_unless_the_client_wants_otherwise(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await configure(socket)
        await socket.send(type="input.text", text=SENTENCES[0])
        for number, text in enumerate((TEXT, SENTENCES[1])):
            received = await say(socket, SENTENCES[1]) if not number else await say(socket, text)
            begun, audio, ended, done = received
            place = {"utterance_index": number, "sentence_index": 0}
            assert begun == {"type": "audio.start", **place, "sentence_text": text, "format": "wav"}
            assert audio == await whole(client, text, "wav")
            assert isinstance(audio, bytes)
            assert ended == {"type": "audio.done", **place, "total_bytes": len(audio), "error": False}
            assert done == {"type": "session.done", "utterance_index": number, "total_sentences": 1}
        [done] = await say(socket)
        assert done == {"type": "session.done", "utterance_index": 2, "total_sentences": 0}
        await socket.send(type="session.close")
        assert await socket.rest() == []
        assert socket.socket.close_code == aiohttp.WSCloseCode.OK


async def test_each_sentence_is_a_file_of_the_format(start: Start) -> None:
    client = await start()
    async with connected(client, PATH) as socket:
        for form in ("mp3", "flac", "aac", "opus", "pcm"):
            await configure(socket, response_format=form, split_granularity="sentence")
            await socket.send(type="input.text", text="Hello there! ")
            begun, audio, _ = [await socket.receive() for _ in range(3)]
            assert isinstance(begun, dict)
            assert begun["format"] == form
            assert audio == await whole(client, "Hello there! ", form)
            await say(socket)


async def test_sentences_are_spoken_while_the_text_arrives(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await configure(socket, split_granularity="sentence")
        for character in "When it rains, we stay. ":
            await socket.send(type="input.text", text=character)
        await socket.send(type="input.text", text="When the sun shines")
        received = await socket.until(type="audio.done")  # not at the clause before
        [begun] = messages(received, "audio.start")
        assert begun["sentence_text"].strip() == "When it rains, we stay."
        received += await say(socket, ", we walk.")
        texts = [message["sentence_text"] for message in messages(received, "audio.start")]
        assert "".join(texts) == "When it rains, we stay. When the sun shines, we walk."
        assert messages(received, "session.done")[0]["total_sentences"] == len(texts) == 2
        assert [message["sentence_index"] for message in messages(received, "audio.done")] == [0, 1]
        for audio in (message for message in received if isinstance(message, bytes)):
            with wave.open(io.BytesIO(audio)) as file:  # no pause before it
                assert file.getnframes() > 0


async def test_samples_are_sent_while_they_are_made(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await configure(socket, **STREAM, split_granularity="clause", speed=2.0)
        await socket.send(type="input.text", text="When the rain had stopped, we walked ")
        begun = await socket.receive()
        assert isinstance(begun, dict)
        assert (begun["format"], begun["sample_rate"], begun["channels"]) == ("pcm", RATE, 1)
        assert isinstance(await socket.receive(), bytes)
        await configure(socket)  # within a text
        [error] = messages(await socket.until(type="error"), "error")
        assert "input.done" in error["message"]
        received = await say(socket, "home.")
        done = messages(received, "audio.done")[-1]
        last = max(at for at, message in enumerate(received) if isinstance(message, dict) and "format" in message)
        assert done["total_bytes"] == len(audio_of(received[last:]))
        await configure(socket, **STREAM)
        assert audio_of(await say(socket, TEXT)) == await whole(client, TEXT, "pcm")


async def test_words_have_times_within_their_sentence(start: Start) -> None:
    client = await start(TimedProvider())
    async with connected(client, PATH) as socket:
        await configure(socket, **STREAM, word_timestamps=True, split_granularity="sentence", language="English")
        for text in ("Hello there! ", "One two three four."):
            received = await say(socket, text)
            assert not audio_of(received)
            assert messages(received, "audio.start")[0]["word_timestamps"] is True
            chunks = messages(received, "audio.chunk")
            assert [chunk["chunk_id"] for chunk in chunks] == [*range(len(chunks))]
            *audio, last = chunks
            assert all(chunk["timestamps"] is None for chunk in audio)
            assert (last["audio_b64"], last["chunk_start_ms"]) == ("", 0)
            samples_ = b"".join(base64.b64decode(chunk["audio_b64"]) for chunk in audio)
            assert last["chunk_end_ms"] == pytest.approx(1000 * len(samples_) / 2 / RATE, abs=25)
            assert [word["word"] for word in last["timestamps"]] == text.split()
            times = [time for word in last["timestamps"] for time in (word["start_ms"], word["end_ms"])]
            assert times == sorted(times)
            assert 0 <= times[0] < times[-1] <= last["chunk_end_ms"] + 1


async def test_what_is_ignored_and_what_is_refused(start: Start) -> None:
    client = await start()
    async with connected(client, PATH) as socket:
        ignored = {"model": "x", "task_type": "CustomVoice", "instructions": "x", "max_new_tokens": 9}
        await configure(
            socket, **ignored, seed=7, initial_codec_chunk_frames=3, non_streaming_mode=True, ref_audio=None
        )
        assert len(await say(socket, "Hello.")) == 4
        for fields, word in REFUSED:
            await socket.send(type="session.config", **fields)
            error = await socket.receive()
            assert isinstance(error, dict)
            assert error["type"] == "error", fields
            assert word in error["message"], fields
            assert "canary" not in error["message"]
        await socket.socket.send_str("{")
        await socket.until(type="error")
        await socket.send(type="input.text", text="a" * 5001)
        await socket.until(type="error")
        assert len(await say(socket, "It works as before.")) == 4
    async with connected(client, PATH) as socket:
        await socket.send(type="input.text", text="Hello.")
        [error] = messages(await socket.rest(), "error")
        assert "session.config" in error["message"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"voice": "canary"}, "no such voice"),
    ({"language": "Canary"}, "speaks only"),
    ({"task_type": "Base"}, "task_type"),
    ({"ref_audio": "canary"}, "ref_audio"),
    ({"speaker_embedding": [1.0]}, "speaker_embedding"),
    ({"stream_audio": True}, "stream_audio"),
    ({"word_timestamps": True}, "word_timestamps"),
    ({**STREAM, "word_timestamps": True}, "timestamps"),  # the humming voice has none
    ({"speed": 5}, "speed"),
    ({"seed": -1}, "seed"),
    ({"split_granularity": "canary"}, "split_granularity"),
    ({"response_format": "canary"}, "response_format"),
    ({"canary": 1}, "no such field"),
]


async def test_a_sentence_that_fails_ends_its_text_alone(start: Start) -> None:
    provider = failing(EngineFailed("broken"), after=1)
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await configure(socket, **STREAM)
        received = await say(socket, TEXT)
        [error], [ended] = messages(received, "error"), messages(received, "audio.done")
        assert (error["partial_audio"], error["action"]) == (True, "discard")
        assert ended["error"] is True
        assert received[-1] == {"type": "session.done", "utterance_index": 0, "total_sentences": 1}
        provider.failure = None
        received = await say(socket, TEXT)
        assert not messages(received, "error")
        assert messages(received, "audio.start")[0]["utterance_index"] == 1


async def test_a_key_needs_no_other_voice_than_its_own(start: Start, tmp_path: Path) -> None:
    key = create(tmp_path, "kan", voices=["kan"])
    client = await start()
    async with connected(client, PATH, headers={"Authorization": f"Bearer {key}"}) as socket:
        await socket.send(type="session.config", voice="kan")
        assert len(await say(socket, "Hello.")) == 4
        await configure(socket)
        [error] = messages(await socket.until(type="error"), "error")
        assert "may not use this voice" in error["message"]


async def test_a_client_that_vanishes_frees_the_engine(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with connected(client, PATH) as socket:
        await configure(socket)
        provider.gate.clear()
        await socket.send(type="input.text", text=TEXT)
        await socket.send(type="input.done")
        await eventually(lambda: len(provider.listeners) == 1)
    await eventually(lambda: provider.closed_generators == 1)


CONFIGS = st.fixed_dictionaries(
    {"type": st.just("session.config")},
    optional={
        "voice": st.sampled_from(["joe", "kan"]),
        "split_granularity": st.sampled_from(["none", "sentence", "clause"]),
        "response_format": st.sampled_from(["wav", "pcm"]),
        "stream_audio": st.booleans(),
    },
)
MESSAGES = (
    st.fixed_dictionaries({"type": st.just("input.text"), "text": WORDS})
    | st.just({"type": "input.done"})
    | CONFIGS
    | st.fixed_dictionaries({"type": JUNK | st.sampled_from(["input.text", "session.config"]), "text": JUNK})
    | JUNK
)


async def converse(client: Client, sent: list[Any]) -> None:
    """Sends a configuration, messages and the end, and holds the answers to what the format promises."""
    async with connected(client, PATH) as socket:
        await configure(socket)
        for message in sent:
            await socket.socket.send_str(json.dumps(message))
        await socket.send(type="input.done")
        await socket.send(type="session.close")
        received = await socket.rest()
        done = messages(received, "session.done")
        assert [message["utterance_index"] for message in done] == [*range(len(done))]
        assert len(messages(received, "audio.start")) == len(messages(received, "audio.done"))
        spoken = len(messages(received, "audio.done"))
        assert sum(message["total_sentences"] for message in done) == spoken
        assert socket.socket.close_code == aiohttp.WSCloseCode.OK


async def test_messages_of_strangers(start: Start) -> None:
    client = await start()
    loop = asyncio.get_running_loop()

    @given(st.lists(MESSAGES, max_size=12))
    @settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def converse_with(sent: list[Any]) -> None:
        asyncio.run_coroutine_threadsafe(converse(client, sent), loop).result(60)

    await asyncio.to_thread(converse_with)
    summary = await client.until(lambda body: body["requests_in_flight"] == 0)
    text = await client.prometheus()
    assert sum(samples(text, "tts_requests_total", endpoint=PATH)) == summary["total_requests"] > 0
    assert not samples(text, "tts_requests_total", endpoint=PATH, outcome="error")
    assert samples(text, "tts_sockets", endpoint=PATH) == [0]
