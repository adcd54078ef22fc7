"""The remote provider with a real server that misbehaves: what comes of it, how soon, and that nothing gets out."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import Any

import aiohttp
import numpy as np
import pytest
from aiohttp import web
from opentelemetry.trace import SpanContext, TraceFlags, TraceState

from otel.contract.values import Device, Stage
from server.audio import wav
from server.errors import EngineFailed, NothingToSpeak, ShuttingDown, TextTooLong
from server.providers.provider import Load
from server.providers.remote import RemoteProvider, RemoteVoice
from server.utterance import Chunk, Listener, Utterance, Voice
from tests.counting_engine import until
from tests.misbehaving_server import (
    SECRET,
    Behaviour,
    Caller,
    MisbehavingServer,
    answers,
    drips,
    drips_header,
    endless,
    hangs,
    resets,
    says,
    serving,
    step_by_step,
    streams,
)

JOE = Voice("joe", ("en",), 22050, "c0ffee")
KEY = "sk-Xylokey"
TEXT = "Xylotext is spoken here."
RATE = 24000
DATA = np.random.default_rng(3).integers(-32767, 32768, 3 * RATE).astype("<i2").tobytes()
"""Three seconds."""
FILE = wav.header(RATE, len(DATA)) + DATA
STREAM = wav.header(RATE, None) + DATA
LEAK = SECRET.encode()
SOON = 0.3
"""Seconds that the server has to answer, or to go on."""
PATIENCE = 30.0
"""Seconds within which everything has ended; the machine may be busy."""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: audio/wav\r\n"


class NoReports:
    def loaded(self, voice: str, seconds: float) -> None:
        raise AssertionError("there is nothing to load")

    def batch(self, size: int, padding: float) -> None:
        raise AssertionError("there are no batches")

    def worked(self, device: Device, seconds: float, saved_seconds: float) -> None:
        raise AssertionError("it uses no machine of ours")

    def thread_worked(self, device: Device, seconds: float) -> None:
        raise AssertionError("it uses no machine of ours")

    def worker_restarted(self, worker: str) -> None:
        raise AssertionError("it has no workers")

    def stopped(self) -> None:
        raise AssertionError("it never stops")

    def resumed(self) -> None:
        raise AssertionError("it never stops")

    def lost(self, error: Exception) -> None:
        raise AssertionError("it can't be lost")


def utterance(text: str = TEXT, speed: float = 1.0, voice: Voice = JOE) -> Utterance:
    return Utterance(text, voice, "en", len(text.split()), len(text), speed)


@asynccontextmanager
async def provider(base_url: str, **options: Any) -> AsyncIterator[RemoteProvider]:
    defaults = {"key": KEY, "model": "tts-1", "response_format": "wav", "max_audio_seconds": 60.0, "retries": 0}
    log = logging.getLogger("ttscope")
    remote = RemoteProvider(
        [RemoteVoice(JOE, "alloy")], base_url=base_url, log=log, **{**defaults, "read_seconds": SOON, **options}
    )
    await remote.start(NoReports())
    try:
        yield remote
    finally:
        await remote.close()


async def spoken(
    remote: RemoteProvider, said: Utterance | None = None, listener: Listener | None = None
) -> list[Chunk]:
    async with aclosing(remote.speak(said or utterance(), listener or Listener())) as chunks:
        return [chunk async for chunk in chunks]


def data(chunks: list[Chunk]) -> bytes:
    return b"".join(wav.pcm16(chunk.samples) for chunk in chunks)


async def until_it_fails(remote: RemoteProvider, heard: list[Chunk], said: Utterance | None = None) -> None:
    """Adds what is heard to ``heard``."""
    async with aclosing(remote.speak(said or utterance(), Listener(streamed=True))) as chunks:
        async for chunk in chunks:
            heard.append(chunk)  # noqa: PERF401 - what came before the failure shall be there


async def failure(remote: RemoteProvider) -> str:
    """What is said of a request that fails; it does so in time."""
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(EngineFailed) as caught:
            await spoken(remote)
    assert remote.load().depth == remote.load().audio_seconds == 0
    return caught.value.message


def unused_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.fixture(autouse=True)
def nothing_gets_out(caplog: pytest.LogCaptureFixture) -> AsyncIterator[None]:
    """No log record, of ours or of aiohttp's client, has a word of the server's, the key, the text or the URL."""
    caplog.set_level(logging.DEBUG)
    yield
    written = " ".join(record.getMessage() + str(record.exc_info) for record in caplog.records)
    for secret in (SECRET, KEY, "Xylotext", "127.0.0.1"):
        assert secret not in written


# When all is well


async def test_the_audio_arrives_as_it_was_sent() -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url) as remote:
        chunks = await spoken(remote)
    assert data(chunks) == DATA
    assert {chunk.sample_rate for chunk in chunks} == {RATE}


async def test_bare_samples_arrive_as_they_were_sent() -> None:
    async with (
        serving(answers(200, DATA, "audio/pcm")) as server,
        provider(server.url, response_format="pcm") as remote,
    ):
        assert data(await spoken(remote)) == DATA


async def test_the_rate_is_that_of_the_file() -> None:
    file = wav.header(16000, len(DATA)) + DATA
    async with serving(answers(200, file)) as server, provider(server.url) as remote:
        chunks = await spoken(remote)
    assert {chunk.sample_rate for chunk in chunks} == {16000}
    assert sum(chunk.seconds for chunk in chunks) == 4.5


@pytest.mark.parametrize("response_format", ["wav", "pcm"])
async def test_samples_that_come_in_halves_are_put_together(response_format: str) -> None:
    body = STREAM if response_format == "wav" else DATA
    odd = random.Random(5)
    edges = [0, *sorted(odd.sample(range(1, len(body)), 150)), len(body)]
    pieces = [body[start:stop] for start, stop in pairwise(edges)]
    async with serving(streams(*pieces)) as server, provider(server.url, response_format=response_format) as remote:
        assert data(await spoken(remote)) == DATA


async def test_chunks_are_neither_tiny_nor_long() -> None:
    """Sent in pieces of two milliseconds, and then all in one."""
    tiny = [FILE[start : start + 100] for start in range(0, 30_000, 100)]
    async with serving(streams(*tiny, FILE[30_000:])) as server, provider(server.url) as remote:
        chunks = await spoken(remote)
    assert all(0.1 <= chunk.seconds <= 1.0 for chunk in chunks[:-1])
    assert data(chunks) == DATA


async def test_each_chunk_is_here_before_the_next_is_made() -> None:
    pieces = [STREAM[: 44 + RATE], STREAM[44 + RATE : 44 + 3 * RATE], STREAM[44 + 3 * RATE :]]
    async with serving(step_by_step(*pieces)) as server, provider(server.url, read_seconds=PATIENCE) as remote:
        heard = []
        async for chunk in remote.speak(utterance(), Listener(streamed=True)):
            heard.append(chunk)
            if len(data(heard)) in (RATE, 3 * RATE):
                server.callers[0].more.set()
        assert len(heard) >= 3
        assert data(heard) == DATA


async def test_the_server_is_asked_what_openai_would_understand_and_no_more() -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url + "/") as remote:
        await spoken(remote, utterance(speed=1.5))
        [caller] = server.callers
    assert caller.body == {
        "model": "tts-1",
        "input": TEXT,
        "voice": "alloy",
        "response_format": "wav",
        "speed": 1.5,
    }
    assert caller.headers["Authorization"] == f"Bearer {KEY}"
    assert caller.headers["Content-Type"] == "application/json"
    assert "traceparent" not in caller.headers


async def test_without_a_key_there_is_no_authorization() -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url, key=None) as remote:
        await spoken(remote)
        assert "Authorization" not in server.callers[0].headers


async def test_the_trace_goes_on_there() -> None:
    """What others wrote into its state stays here."""
    origin = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags(1), trace_state=TraceState([("a", "b")]))
    async with serving(answers(200, FILE)) as server, provider(server.url) as remote:
        await spoken(remote, listener=Listener(origin=origin))
        headers = server.callers[0].headers
    assert headers["traceparent"] == "00-00000000000000000000000000000abc-0000000000000def-01"
    assert "tracestate" not in headers


@pytest.mark.parametrize("origin", [SpanContext(0, 0, is_remote=False), "00-abc-def-01", 7])
async def test_what_is_no_trace_is_not_continued(origin: object) -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url) as remote:
        await spoken(remote, listener=Listener(origin=origin))
        assert "traceparent" not in server.callers[0].headers


async def test_a_connection_serves_again() -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url) as remote:
        for _ in range(5):
            await spoken(remote)
            assert server.connections == 1


async def test_only_what_was_waited_for_counts_as_work() -> None:
    """The caller's time with a chunk does not, and none of the intervals overlap."""
    pieces = (STREAM[at : at + 9600] for at in range(0, len(STREAM), 9600))
    async with serving(streams(*pieces)) as server, provider(server.url) as remote:
        chunks, held = [], 0.0
        begun = time.perf_counter()
        async for chunk in remote.speak(utterance(), Listener()):
            chunks.append(chunk)
            at = time.perf_counter()
            await asyncio.sleep(0.02)
            held += time.perf_counter() - at
        total = time.perf_counter() - begun
    intervals = [interval for chunk in chunks for interval in chunk.intervals]
    assert intervals[0].stage == Stage.QUEUE
    assert {interval.stage for interval in intervals[1:]} == {Stage.INFER}
    assert all(one.end <= other.start for one, other in pairwise(intervals))
    assert 0 < sum(interval.seconds for interval in intervals) <= total - held


async def test_whoever_leaves_hangs_up_at_once() -> None:
    async with serving(hangs(STREAM[:48_000])) as server, provider(server.url, read_seconds=60.0) as remote:
        chunks = remote.speak(utterance(), Listener(streamed=True))
        await anext(chunks)
        assert server.connections == 1
        await chunks.aclose()
        await asyncio.wait_for(server.callers[0].gone.wait(), PATIENCE)
        await until(lambda: server.connections == 0)
        assert remote.load() == Load(rate=remote.load().rate)


async def test_whoever_leaves_before_the_answer_hangs_up_too() -> None:
    async with serving(hangs()) as server, provider(server.url, read_seconds=60.0) as remote:
        task = asyncio.create_task(spoken(remote))
        await until(lambda: len(server.callers) == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.callers[0].gone.wait(), PATIENCE)
        await until(lambda: server.connections == 0)


async def test_it_tells_how_much_it_has_to_do() -> None:
    behaviour = step_by_step(STREAM[:48_044], STREAM[48_044:])
    async with serving(behaviour) as server, provider(server.url, connections=1, read_seconds=60.0) as remote:
        expected = remote.estimate(utterance())
        assert expected == len(TEXT) * 0.065
        assert remote.estimate(utterance(speed=2.0)) == expected / 2
        first = remote.speak(utterance(), Listener())
        chunk = await anext(first)
        second = asyncio.create_task(spoken(remote))
        await until(lambda: remote.load().depth == 1)
        assert remote.load().audio_seconds == pytest.approx(2 * expected - chunk.seconds)
        assert len(server.callers) == 1
        await first.aclose()
        await until(lambda: len(server.callers) == 2)
        assert remote.load().depth == 0
        server.callers[1].more.set()
        chunks = await second
        assert data(chunks) == DATA
        assert chunks[0].intervals[0].stage == Stage.QUEUE
        assert chunks[0].intervals[0].seconds > 0


# When the text is the reason


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (utterance("... !!!"), NothingToSpeak),
        (utterance("a" * 1000), TextTooLong),
        (utterance(voice=Voice("kan", ("en",), 22050, "facade")), EngineFailed),
    ],
)
async def test_what_it_can_not_speak_is_not_sent(said: Utterance, error: type[Exception]) -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url) as remote:
        with pytest.raises(error):
            await spoken(remote, said)
        assert server.callers == []


# When the server misbehaves


def audio(body: bytes, **headers: str) -> Behaviour:
    return answers(200, body, **headers)


def form(channels: int, bits: int) -> bytes:
    block = channels * bits // 8
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack(
        "<IHHIIHH4sI", 16, 1, channels, RATE, RATE * block, block, bits, b"data", 0xFFFFFFFF
    )


STATUSES = (204, 206, 302, 400, 401, 403, 404, 422, 429, 500, 502, 503, 504, 599)


@pytest.mark.parametrize("status", STATUSES)
async def test_a_status_is_named_and_nothing_of_the_body(status: int) -> None:
    behaviour = answers(status, LEAK, "application/json", X_Error=SECRET, Location="/elsewhere")
    async with serving(behaviour) as server, provider(server.url) as remote:
        message = await failure(remote)
        assert str(status) in message
        assert ("key" in message) == (status in (401, 403))
        assert SECRET not in message
        await until(lambda: server.busy == 0)


CAN_NOT_BE_PLAYED = "the remote server's answer can't be played: "
MISDEEDS: dict[str, tuple[Behaviour, str]] = {
    "json": (answers(200, b'{"error": "' + LEAK + b'"}', "application/json"), "gave an answer that is not audio"),
    "html": (answers(200, b"<html>" + LEAK, "text/html"), "gave an answer that is not audio"),
    "no type": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + LEAK), "gave an answer that is not audio"),
    "odd type": (answers(200, FILE, f"{SECRET}; =;audio/\xe9;;"), "gave an answer that is not audio"),
    "html called audio": (audio(b"<html>" + LEAK), CAN_NOT_BE_PLAYED + "the audio is not WAV"),
    "empty": (audio(b""), CAN_NOT_BE_PLAYED + "the audio ends within its header"),
    "empty in chunks": (streams(), CAN_NOT_BE_PLAYED + "the audio ends within its header"),
    "half a header": (audio(FILE[:30]), CAN_NOT_BE_PLAYED + "the audio ends within its header"),
    "header only": (streams(STREAM[:44]), CAN_NOT_BE_PLAYED + "there is no audio in it"),
    "half a sample": (streams(STREAM[:-1]), CAN_NOT_BE_PLAYED + "the audio ends in the middle of a sample"),
    "stereo": (audio(form(2, 16) + DATA), CAN_NOT_BE_PLAYED + "the audio is not mono"),
    "8 bit": (audio(form(1, 8) + DATA), CAN_NOT_BE_PLAYED + "the audio is not 16-bit PCM"),
    "truncated": (audio(FILE[:-1000]), CAN_NOT_BE_PLAYED + "the audio is shorter than its header says"),
    "long header": (
        audio(FILE[:12] + b"LIST\xfe\xff\xff\xff" + FILE[12:]),
        CAN_NOT_BE_PLAYED + "the audio's header is too long",
    ),
    "compressed": (
        audio(FILE, Content_Encoding="gzip"),
        "gave a compressed answer, which was not asked for",
    ),
    "resets": (resets, "hung up"),
    "hangs up": (says(b""), "hung up"),
    "hangs up in the header": (says(OK), "hung up"),
    "not HTTP": (says(b"SSH-2.0-" + LEAK + b"\r\n"), "gave an answer that is not HTTP"),
    "bad header": (says(OK + LEAK + b"\r\n\r\n"), "gave an answer that is not HTTP"),
    "huge header": (says(OK + b"X-Long: " + LEAK * 10_000 + b"\r\n\r\n"), "gave an answer that is not HTTP"),
    "many headers": (says(OK + (b"X-Many: " + LEAK + b"\r\n") * 10_000 + b"\r\n"), "gave an answer that is not HTTP"),
    "two lengths": (says(OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n"), "gave an answer that is not HTTP"),
    "cut by length": (says(OK + b"Content-Length: 200000\r\n\r\n" + STREAM[:60_000]), "broke off its answer"),
    "cut in a chunk": (
        says(OK + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n" + STREAM[:60_000]),
        "broke off its answer",
    ),
    "cut after a chunk": (
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n2c\r\n" + STREAM[:44] + b"\r\n"),
        "broke off its answer",
    ),
    "bad chunk": (
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n" + LEAK + b"\r\n" + DATA),
        "gave an answer that is not HTTP",
    ),
    "bad chunk after good ones": (
        says(OK + b"Transfer-Encoding: chunked\r\n\r\n2c\r\n" + STREAM[:44] + b"\r\n", LEAK + b"\r\n" + DATA),
        "middle of its answer",
    ),
    "hangs": (hangs(), "did not answer in time"),
    "hangs in the body": (hangs(STREAM[:48_000]), "fell silent in the middle of its answer"),
    "hangs in the WAV header": (hangs(STREAM[:20]), "fell silent in the middle of its answer"),
    "drips": (drips(STREAM[:44]), "fell silent in the middle of its answer"),
    "drips a header": (drips_header(OK + b"X-Drip: "), "did not answer in time"),
    "continues": (says(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000), "hung up"),
    "endless": (endless(STREAM[:44], bytes(100_000)), "'s answer is longer than 60 s"),
    "endless header": (endless(STREAM[:36], b"JUNK\xe8\x03\0\0" + bytes(1000)), "the audio's header is too long"),
}


@pytest.mark.parametrize("name", MISDEEDS)
async def test_a_misdeed_is_named_in_our_words_and_ends_in_time(name: str) -> None:
    behaviour, reason = MISDEEDS[name]
    async with serving(behaviour) as server, provider(server.url) as remote:
        message = await failure(remote)
        assert message.endswith(reason)
        assert len(server.callers) == 1
        await until(lambda: server.busy == 0)


async def test_a_broken_encoding_is_not_waited_out() -> None:
    behaviour, _ = MISDEEDS["bad chunk after good ones"]
    async with serving(behaviour) as server, provider(server.url, read_seconds=60.0) as remote:
        assert await failure(remote) == "the remote server broke off its answer"


async def test_endless_bare_samples_come_to_an_end() -> None:
    options = {"response_format": "pcm", "max_audio_seconds": 5.0}
    async with serving(endless(b"", bytes(100_000))) as server, provider(server.url, **options) as remote:
        heard: list[Chunk] = []
        with pytest.raises(EngineFailed, match="longer than 5 s"):
            await until_it_fails(remote, heard)
        assert 0 < sum(chunk.seconds for chunk in heard) <= 5.0
        await until(lambda: server.connections == 0)


async def test_an_endless_answer_that_nobody_reads_is_not_kept() -> None:
    """The sender is stopped by TCP while the caller holds a chunk."""
    sent = 0

    async def pours(caller: Caller) -> None:
        nonlocal sent
        response = await caller.start()
        await response.write(STREAM[:44])
        while True:
            await response.write(bytes(65_536))
            sent += 65_536

    async with serving(pours) as server, provider(server.url, max_audio_seconds=1e6) as remote:
        chunks = remote.speak(utterance(), Listener())
        await anext(chunks)
        before = -1
        while before != sent:
            before = sent
            await asyncio.sleep(0.2)  # the kernel's buffers are full when nothing more has gone for so long
        assert sent < 16 << 20
        await chunks.aclose()
        await until(lambda: server.connections == 0)


async def test_who_drips_just_fast_enough_comes_to_an_end_too() -> None:
    """Every tenth of a second of audio is in time, but all of them would take hours."""

    async def crawls(caller: Caller) -> None:
        response = await caller.start()
        await response.write(STREAM[:44])
        while True:
            await response.write(bytes(RATE // 5))
            await asyncio.sleep(0.25)

    async with serving(crawls) as server, provider(server.url, read_seconds=0.5, max_audio_seconds=1.0) as remote:
        said = utterance("Hello.")
        begun = time.perf_counter()
        with pytest.raises(EngineFailed, match="fell silent"):
            await spoken(remote, said)
        assert 1.0 < time.perf_counter() - begun < PATIENCE
        await until(lambda: server.connections == 0)


async def test_chunks_before_a_cut_are_heard() -> None:
    """And the request is not sent again: nobody wants the beginning twice."""
    async with serving(hangs(STREAM[:48_044])) as server, provider(server.url, retries=3) as remote:
        heard: list[Chunk] = []
        with pytest.raises(EngineFailed, match="fell silent"):
            await until_it_fails(remote, heard)
        assert data(heard) == DATA[:48_000]
        assert len(server.callers) == 1


async def test_what_follows_the_audio_is_left_alone() -> None:
    """It may be long, and the server may take its time with it: all audio is here."""
    tail = b"LIST\xfe\xff\xff\xff" + LEAK
    async with serving(hangs(FILE, tail)) as server, provider(server.url) as remote:
        assert data(await spoken(remote)) == DATA
        await until(lambda: server.connections == 0)


async def test_a_list_before_the_audio_is_skipped() -> None:
    listed = FILE[:36] + b"LIST\x1a\0\0\0INFOISFT\x0e\0\0\0Lavf61.7.100\0\0" + FILE[36:]
    async with serving(audio(listed)) as server, provider(server.url) as remote:
        assert data(await spoken(remote)) == DATA


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_it_is_not_led_elsewhere(status: int) -> None:
    """The key would go with it."""
    async with serving(answers(200, FILE)) as other:
        for location in (f"http://localhost:{other.port}/v1/audio/speech", f"http://127.0.0.1:{other.port}/"):
            async with serving(answers(status, Location=location)) as server, provider(server.url) as remote:
                assert str(status) in await failure(remote)
                assert server.elsewhere == 0
        assert (other.callers, other.elsewhere) == ([], 0)


async def test_cookies_are_not_kept() -> None:
    """A name, for no client keeps cookies of an address."""
    behaviour = audio(FILE, Set_Cookie=f"id={SECRET}; Path=/")
    async with serving(behaviour) as server, provider(f"http://localhost:{server.port}/v1") as remote:
        await spoken(remote)
        await spoken(remote)
        assert all("Cookie" not in caller.headers for caller in server.callers)
        assert len(server.callers) == 2


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answers(200, FILE)) as proxy, serving(answers(200, FILE)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        async with provider(server.url) as remote:
            await spoken(remote)
        assert len(server.callers) == 1
        assert (proxy.callers, proxy.elsewhere) == ([], 0)


async def test_garbage_of_every_kind_is_the_same_error() -> None:
    """Whatever bytes come back: audio, or EngineFailed."""
    rng = random.Random(11)
    whole = (
        OK + b"Transfer-Encoding: chunked\r\n\r\n2c\r\n" + STREAM[:44] + b"\r\n64\r\n" + DATA[:100] + b"\r\n0\r\n\r\n"
    )
    messages = []
    async with serving() as server, provider(server.url) as remote:
        for _ in range(300):
            raw = bytearray(whole)
            for _ in range(rng.randint(1, 6)):
                at = rng.randrange(len(raw))
                raw[at : at + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
            server.behaviours = [says(bytes(raw))]
            try:
                async with asyncio.timeout(PATIENCE):
                    await spoken(remote)
            except EngineFailed as error:
                messages.append(error.message)
        await until(lambda: server.connections == 0)
    assert len(messages) > 100
    assert len(set(messages)) < 20, "there are a few things to say, all of them ours"


# When it may help to ask again


@pytest.mark.parametrize(
    "first",
    [
        resets,
        says(b""),
        answers(502, LEAK),
        answers(503, LEAK),
        answers(503, LEAK, Retry_After="1"),
        answers(429, LEAK, Retry_After="0"),
    ],
    ids=["reset", "hung up", "502", "503", "503 with a time", "429"],
)
async def test_a_request_that_was_not_taken_is_sent_again(first: Behaviour) -> None:
    async with serving(first, answers(200, FILE)) as server, provider(server.url, retries=1) as remote:
        begun = time.perf_counter()
        assert data(await spoken(remote)) == DATA
        assert len(server.callers) == 2
        assert time.perf_counter() - begun >= 0.05
        assert server.callers[0].body == server.callers[1].body


async def test_the_pause_is_what_the_server_asks_for() -> None:
    refuses = answers(429, Retry_After="1")
    async with serving(refuses, answers(200, FILE)) as server, provider(server.url, retries=1) as remote:
        begun = time.perf_counter()
        await spoken(remote)
        assert 1.05 <= time.perf_counter() - begun < PATIENCE


@pytest.mark.parametrize(
    ("behaviour", "tries"),
    [
        (answers(503), 3),
        (resets, 3),
        (answers(500), 1),
        (answers(504), 1),
        (answers(400), 1),
        (answers(401), 1),
        (answers(429), 1),
        (answers(429, Retry_After="3"), 1),
        (answers(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"), 1),
        (answers(429, Retry_After="-1"), 1),
        (answers(429, Retry_After="9" * 5000), 1),
        (answers(503, Retry_After="3600"), 1),
        (says(OK), 1),
        (hangs(), 1),
        (answers(200, b"{}", "application/json"), 1),
        (audio(b"<html>"), 1),
    ],
)
async def test_only_where_it_may_help_and_not_for_ever(behaviour: Behaviour, tries: int) -> None:
    async with serving(behaviour) as server, provider(server.url, retries=2) as remote:
        await failure(remote)
        assert len(server.callers) == tries
        await until(lambda: server.busy == 0)


async def test_a_server_that_is_not_there_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async with provider(f"http://127.0.0.1:{unused_port()}/v1", retries=2) as remote:
        assert await failure(remote) == "the remote server refused the connection"
    assert [record.getMessage() for record in caplog.records if record.name == "ttscope"] == [
        "the remote server did not take a request, it is sent again"
    ] * 2


async def test_a_name_with_two_addresses_refuses_like_one() -> None:
    async with provider(f"http://localhost:{unused_port()}/v1", retries=0) as remote:
        assert await failure(remote) == "the remote server refused the connection"


async def test_a_connection_that_is_not_accepted_is_not_waited_for() -> None:
    """The kernel's queue of a listener that accepts nobody is full after two."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        crowd = [socket.socket() for _ in range(4)]
        for waiting in crowd:
            waiting.setblocking(False)
            waiting.connect_ex(address)
        try:
            async with provider(f"http://127.0.0.1:{address[1]}/v1", connect_seconds=0.2, read_seconds=60.0) as remote:
                assert await failure(remote) == "the remote server did not accept the connection in time"
        finally:
            for waiting in crowd:
                waiting.close()


async def test_a_name_that_does_not_exist_is_said() -> None:
    async with provider("http://xyloremote.invalid/v1") as remote:
        assert await failure(remote) in (
            "the remote server can't be found under its name",
            "the remote server did not accept the connection in time",
        )


async def test_tls_with_a_server_that_has_none_is_said() -> None:
    async with serving(answers(200, FILE)) as server, provider(server.url.replace("http:", "https:")) as remote:
        assert await failure(remote) == "the remote server can't be trusted: TLS failed"


# Before and after


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "host:8000/v1",
        "//host/v1",
        "/v1",
        "http:///v1",
        "http://",
        "ftp://host/v1",
        "http://host:99999/v1",
        "http://host:port/v1",
        "http://[::1/v1",
        f"http://user:{SECRET}@host/v1",
        f"http://host/v1?key={SECRET}",
        "http://host/v1#speech",
    ],
)
async def test_an_impossible_base_url_is_told_at_the_start(base_url: str) -> None:
    with pytest.raises(EngineFailed) as caught:
        async with provider(base_url):
            raise AssertionError("it has started")
    assert caught.value.message == "the remote server's base URL must be like http://host:8000/v1"


@pytest.mark.parametrize("key", ["a key", "key\r\nX-Evil: 1", "schlüssel"])
async def test_an_impossible_key_is_told_at_the_start(key: str) -> None:
    with pytest.raises(EngineFailed) as caught:
        async with provider("http://host/v1", key=key):
            raise AssertionError("it has started")
    assert caught.value.message == "the remote server's key has characters that can't be sent in a header"


async def test_it_starts_while_the_server_is_away_and_the_check_says_so() -> None:
    async with provider(f"http://127.0.0.1:{unused_port()}/v1") as remote:
        assert remote.voices() == (JOE,)
        with pytest.raises(EngineFailed, match="refused the connection"):
            await remote.check()


@pytest.mark.parametrize("status", [200, 404, 405])
async def test_a_server_that_answers_can_be_asked(server: MisbehavingServer, status: int) -> None:
    server.models = lambda: web.Response(status=status, body=LEAK)
    async with provider(server.url) as remote:
        await remote.check()
    assert server.checks[0]["Authorization"] == f"Bearer {KEY}"
    assert server.callers == []
    await until(lambda: server.connections == 0)


@pytest.mark.parametrize("status", [204, 302, 400, 401, 403, 429, 500, 503])
async def test_a_server_that_refuses_the_check_can_not_be_asked(server: MisbehavingServer, status: int) -> None:
    server.models = lambda: web.Response(status=status, body=None if status == 204 else LEAK)
    async with provider(server.url) as remote:
        with pytest.raises(EngineFailed) as caught:
            await remote.check()
    assert str(status) in caught.value.message
    assert ("refused the key" in caught.value.message) == (status in (401, 403))
    await until(lambda: server.connections == 0)


async def test_a_check_does_not_wait_for_those_that_are_spoken_to() -> None:
    async with serving(hangs()) as server, provider(server.url, connections=1, read_seconds=60.0) as remote:
        task = asyncio.create_task(spoken(remote))
        await until(lambda: len(server.callers) == 1)
        await asyncio.wait_for(remote.check(), PATIENCE)
        task.cancel()


async def test_after_speech_a_check_asks_for_a_word_too(server: MisbehavingServer) -> None:
    """A server that lists its models may fail to speak, or give silence."""
    silence = answers(200, wav.header(RATE, 2 * RATE) + bytes(2 * RATE))
    async with provider(server.url) as remote:
        await spoken(remote)
        await remote.check()
        assert server.callers[-1].body["input"] == "1"
        calls = len(server.callers)
        await remote.check()
        assert len(server.callers) == calls, "it has just spoken"
        server.behaviours = [answers(500), answers(500), silence, silence, answers(200, FILE)]
        with pytest.raises(EngineFailed):
            await spoken(remote)
        with pytest.raises(EngineFailed):
            await remote.check()
        with pytest.raises(EngineFailed, match="a known word"):
            await remote.check()
        with pytest.raises(EngineFailed, match="a known word"):
            await remote.check()
        await remote.check()


async def test_a_check_that_hangs_ends_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.providers.speech_client.CHECK_SECONDS", 0.2)
    deaf = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = deaf.sockets[0].getsockname()[1]
    async with provider(f"http://127.0.0.1:{port}/v1", connect_seconds=0.2) as remote:
        async with asyncio.timeout(PATIENCE):
            with pytest.raises(EngineFailed, match="did not answer in time"):
                await remote.check()
    deaf.close()


@pytest.mark.parametrize("behaviour", [hangs(), hangs(STREAM[:48_044])], ids=["before the answer", "in its middle"])
async def test_closing_ends_what_is_under_way(server: MisbehavingServer, behaviour: Behaviour) -> None:
    server.behaviours = [behaviour]
    async with provider(server.url, connections=1, read_seconds=60.0) as remote:
        tasks = [asyncio.create_task(spoken(remote)) for _ in range(2)]
        await until(lambda: len(server.callers) == 1 and remote.load().depth == 1)
        await remote.close()
        async with asyncio.timeout(PATIENCE):
            for task in tasks:
                with pytest.raises(ShuttingDown):
                    await task
        with pytest.raises(ShuttingDown):
            await spoken(remote)
        await until(lambda: server.connections == 0)


async def test_closing_while_a_name_is_looked_up_is_no_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    looking = asyncio.Event()

    async def resolve(*_: object, **__: object) -> list[Any]:
        looking.set()
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    async with provider("http://host/v1", connect_seconds=60.0) as remote:
        task = asyncio.create_task(spoken(remote))
        await looking.wait()
        await remote.close()
        with pytest.raises(ShuttingDown):
            await asyncio.wait_for(task, PATIENCE)


async def test_who_was_not_started_speaks_to_nobody() -> None:
    remote = RemoteProvider(
        [RemoteVoice(JOE, "alloy")],
        base_url="http://host/v1",
        key=None,
        model="tts-1",
        response_format="wav",
        max_audio_seconds=60.0,
        log=logging.getLogger("ttscope"),
    )
    with pytest.raises(EngineFailed):
        await spoken(remote)
    await remote.close()


@pytest.fixture
async def server() -> AsyncIterator[MisbehavingServer]:
    async with serving(answers(200, FILE)) as misbehaving:
        yield misbehaving
