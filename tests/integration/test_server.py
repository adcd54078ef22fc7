"""The server over real HTTP, with a provider that hums: what clients get, and what is counted of it."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import time
import uuid
import wave
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from opentelemetry.trace import SpanContext, format_trace_id

from server.errors import EngineFailed
from tests.humming_provider import HummingProvider, failing
from tests.server_process import ROOT
from tests.service_client import Start, samples

# What clients get


async def test_speech_is_a_whole_wav(start: Start) -> None:
    client = await start()
    status, headers, body = await client.tts({"text": "(happy) Hello world. It is me."})
    assert status == 200
    assert headers["Content-Type"] == "audio/wav"
    assert int(headers["Content-Length"]) == len(body)
    with wave.open(io.BytesIO(body)) as audio:
        assert (audio.getnchannels(), audio.getsampwidth(), audio.getframerate()) == (1, 2, 22050)
        assert audio.getnframes() == pytest.approx(0.065 * 20 * 22050, abs=2)  # without the full stops
    assert headers["X-TTS-Provider"] == "humming"
    assert headers["X-TTS-Word-Count-Range"] == "1-10"
    assert headers["X-TTS-Character-Count-Range"] == "1-50"
    uuid.UUID(headers["X-Request-ID"])
    assert {part.split(";")[0] for part in headers["Server-Timing"].split(", ")} == {
        "normalize",
        "infer",
        "decode",
        "encode",
        "total",
    }


async def test_a_stream_begins_before_the_end_is_made(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    async with client.session.post(f"{client.url}/tts", json={"text": "One. Two. Three.", "stream": True}) as response:
        assert response.status == 200
        assert "Content-Length" not in response.headers
        first = await response.content.readany()
        assert first[:4] == b"RIFF"
        assert first[40:44] == b"\xff" * 4
        provider.gate.clear()
        provider.gate.set()
        rest = await response.read()
    assert len(first) + len(rest) == 44 + 2 * sum(round(22050 * 0.065 * characters) for characters in (3, 4, 6))


async def test_openais_call_streams_the_same(start: Start) -> None:
    client = await start()
    body = {"model": "tts-1", "input": "Hello world. It is me.", "voice": "joe", "response_format": "wav"}
    async with client.session.post(f"{client.url}/v1/audio/speech", json=body) as response:
        assert response.status == 200
        spoken = await response.read()
    assert spoken[44:] == (await client.tts({"text": "Hello world. It is me."}))[2][44:]
    for wrong, code, param in (
        ({"voice": "nobody"}, "unknown_voice", "voice"),
        ({"input": "(happy)"}, "nothing_to_speak", "input"),
        ({"response_format": "midi"}, "unsupported_format", "response_format"),
        ({"speed": 9.0}, "invalid_request", "speed"),
        ({"text": "x"}, "invalid_request", None),
    ):
        async with client.session.post(f"{client.url}/v1/audio/speech", json={**body, **wrong}) as response:
            error = (await response.json())["error"]
            assert (error["code"], error["param"]) == (code, param)
    assert samples(await client.prometheus(), "tts_requests_total", endpoint="/v1/audio/speech", outcome="ok") == [1]


async def test_speed_voice_and_language_are_taken(start: Start) -> None:
    client = await start()
    _, _, normal = await client.tts({"text": "One two three four"})
    _, _, fast = await client.tts({"text": "One two three four", "speed": 2.0})
    assert len(fast) - 44 == pytest.approx((len(normal) - 44) / 2, abs=2)
    status, _, _ = await client.tts({"text": "konnichiwa", "voice_name": "kan", "language": "JA"})
    assert status == 200
    status, _, _ = await client.tts({"text": "hello", "language": "en_US"})
    assert status == 200


async def test_tags_are_the_operators_choice(start: Start) -> None:
    client = await start(emotion_tags=("in a whisper",), cache_bytes=0)
    for text, words in (
        ("(in a whisper) " + "word " * 10, "1-10"),
        ("(happy) " + "word " * 10, "11-25"),
        ("(WHO) " + "word " * 10, "11-25"),
    ):
        _, headers, _ = await client.tts({"text": text})
        assert headers["X-TTS-Word-Count-Range"] == words


async def test_markdown_is_counted_without_its_markup(start: Start) -> None:
    client = await start()
    text = "# One **two**\n\n- [three](https://example.com/a-long-address?that=is&not=spoken) (happy)\n- four"
    for body, characters in (({"input_type": "markdown"}, "1-50"), ({}, "51-100")):
        status, headers, _ = await client.tts({"text": text, **body})
        assert (status, headers["X-TTS-Word-Count-Range"]) == (200, "1-10")
        assert headers["X-TTS-Character-Count-Range"] == characters
    assert await client.refused(json={"text": "> " * 100 + "a", "input_type": "markdown"}) == (
        422, "invalid_markup", "text"
    )  # fmt: skip


async def test_a_callers_request_id_is_kept_if_it_is_a_uuid(start: Start) -> None:
    client = await start()
    mine = str(uuid.uuid4())
    _, headers, _ = await client.tts({"text": "hi"}, headers={"X-Request-ID": mine})
    assert headers["X-Request-ID"] == mine
    _, headers, _ = await client.tts({"text": "hi"}, headers={"X-Request-ID": "my name is SECRET"})
    assert "SECRET" not in headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"json": {"text": ""}}, (422, "nothing_to_speak", "text")),
        ({"json": {}}, (422, "invalid_request", "text")),
        ({"json": {"text": "a" * 1_000_000}}, (413, "body_too_large", None)),
        ({"json": {"text": "a" * 6000}}, (413, "text_too_long", "text")),
        ({"json": {"text": 7}}, (422, "invalid_request", "text")),
        ({"json": {"text": "a", "speed": 9}}, (422, "invalid_request", "speed")),
        ({"json": {"text": "a", "voice_name": "nobody"}}, (404, "unknown_voice", "voice_name")),
        ({"json": {"text": "a", "voice_name": "../../etc/passwd"}}, (404, "unknown_voice", "voice_name")),
        ({"json": {"text": "a", "language": "xx"}}, (422, "unsupported_language", "language")),
        ({"json": {"text": "a", "response_format": "midi"}}, (422, "unsupported_format", "response_format")),
        ({"data": b"{", "headers": {"Content-Type": "application/json"}}, (400, "invalid_json", None)),
        ({"data": b"text=a"}, (415, "unsupported_media_type", None)),
        ({"data": {"text": "a"}}, (415, "unsupported_media_type", None)),
        ({"json": {"text": "a\x00b"}}, (400, "invalid_text", "text")),
        (
            {"data": b'{"text":"\\udc00"}', "headers": {"Content-Type": "application/json"}},
            (400, "invalid_json", None),
        ),
        ({"json": {"text": "😀" * 10_000}}, (413, "text_too_long", "text")),
        ({"json": {"text": "(happy)"}}, (422, "nothing_to_speak", "text")),
    ],
)
async def test_bad_input_is_refused_by_name(start: Start, request_: dict[str, Any], expected: Any) -> None:
    client = await start()
    assert await client.refused(**request_) == expected
    summary = await client.json("/metrics")
    assert (summary["rejected_requests"], summary["errors_by_type"]) == (1, {expected[1]: 1})


async def test_other_paths_and_methods_are_refused(start: Start) -> None:
    client = await start()
    async with client.session.get(f"{client.url}/tts") as response:
        assert (response.status, response.headers["Allow"]) == (405, "POST")
        assert (await response.json())["error"]["code"] == "method_not_allowed"
    async with client.session.get(f"{client.url}/../../etc/passwd") as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "unknown_path"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"\x16\x03\x01 not http\r\n\r\n", b"400", b"bad_request"),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 10_000 + b"\r\n\r\n", b"431", b"headers_too_large"),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", b"414", b"uri_too_long"),
    ],
)
async def test_what_is_not_a_request_gets_an_answer(start: Start, sent: bytes, status: bytes, code: bytes) -> None:
    client = await start()
    host, port = client.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)
    async with asyncio.timeout(60):
        answer = await reader.read()
    writer.close()
    assert answer.startswith((b"HTTP/1.1 " + status, b"HTTP/1.0 " + status))
    assert code in answer


async def test_a_body_that_never_ends_is_given_up(start: Start) -> None:
    client = await start(receive_seconds=0.2)

    async def endless() -> AsyncIterator[bytes]:
        yield b'{"text": '
        await asyncio.sleep(5)

    status, code, _ = await client.refused(data=endless(), headers={"Content-Type": "application/json"})
    assert (status, code) == (408, "request_timeout")


async def test_the_catalogue_health_and_description(start: Start) -> None:
    client = await start()
    assert [voice["id"] for voice in (await client.json("/v1/audio/voices"))["voices"]] == ["joe", "kan"]
    assert await client.json("/health") == {"status": "ok"}
    assert await client.json("/ready") == {"status": "ready"}
    description = await client.json("/openapi.json")
    assert "/tts" in description["paths"]
    assert set(description["components"]["schemas"]["TtsRequest"]["properties"]) == {
        "text",
        "voice_name",
        "language",
        "speed",
        "input_type",
        "pronunciations",
        "timestamps",
        "response_format",
        "sample_rate",
        "encoding",
        "stream",
        "loudness",
        "cache",
        "seed",
        "dry_run",
        "verify",
    }


async def test_the_page_is_served_with_a_strict_policy(start: Start) -> None:
    client = await start()
    for path, kind in {
        "/": "text/html",
        "/console/main.js": "javascript",
        "/player.js": "javascript",
        "/console.css": "text/css",
    }.items():
        async with client.session.get(client.url + path) as response:
            assert response.status == 200
            assert kind in response.headers["Content-Type"]
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]


# When something fails


async def test_an_engine_that_fails_before_the_first_byte_is_an_error(start: Start) -> None:
    client = await start(failing(EngineFailed("the speech engine failed")))
    assert await client.refused({"text": "hi"}) == (500, "engine_failed", None)
    summary = await client.json("/metrics")
    assert (summary["failed_requests"], summary["errors_by_type"]) == (1, {"engine_failed": 1})


async def test_a_mistake_of_ours_shows_no_trace_of_itself(start: Start) -> None:
    client = await start(failing(ValueError("SECRET")))
    status, _, body = await client.tts({"text": "hi"})
    assert status == 500
    assert b"SECRET" not in body
    assert b"Traceback" not in body


async def test_a_stream_that_fails_breaks_off(start: Start) -> None:
    client = await start(failing(EngineFailed("the speech engine failed"), after=1))
    with pytest.raises(aiohttp.ClientError):
        await client.tts({"text": "One. Two.", "stream": True})
    summary = await client.until(lambda s: s["total_requests"] == 1)
    assert summary["failed_requests"] == 1
    assert samples(await client.prometheus(), "tts_requests_total", outcome="error", status_code="200") == [1]


async def test_a_client_that_leaves_stops_the_work(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    request = asyncio.create_task(client.tts({"text": "One. Two. Three."}))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    request.cancel()
    summary = await client.until(lambda s: s["cancelled_requests"] == 1)
    assert summary["requests_in_flight"] == 0
    assert provider.closed_generators == 1
    assert samples(await client.prometheus(), "tts_requests_total", outcome="cancelled", status_code="499") == [1]


async def test_a_reader_that_stalls_is_cut_off(start: Start) -> None:
    client = await start(send_seconds=0.3, max_text_characters=200_000)
    host, port = client.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    body = json.dumps({"text": "word " * 5000, "stream": True}).encode()  # 22 MB of audio that nobody reads
    head = "POST /tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    summary = await client.until(lambda s: s["cancelled_requests"] == 1)
    assert summary["requests_in_flight"] == 0
    writer.close()


async def test_a_slow_readers_time_is_not_the_servers(start: Start) -> None:
    client = await start(max_text_characters=200_000)
    text = ". ".join(["word " * 125] * 10)  # ten chunks of 1.8 MB
    begun = time.perf_counter()
    async with client.session.post(f"{client.url}/tts", json={"text": text, "stream": True}) as response:
        await response.content.readexactly(44)
        await asyncio.sleep(2.0)
        await response.read()
    whole = time.perf_counter() - begun
    summary = await client.until(lambda s: s["total_requests"] == 1)
    assert summary["by_word_count_range"]["200+"]["max"] < whole - 1.0
    assert samples(await client.prometheus(), "tts_stage_duration_seconds_sum", stage="send")[0] > 0.5


async def test_a_stream_that_waits_for_its_reader_is_no_queue(start: Start) -> None:
    """Otherwise a few listeners of long texts would look like an overload, and automatic scaling would add servers."""
    provider = HummingProvider()
    client = await start(provider, max_text_characters=200_000)
    provider.gate.clear()
    text = ". ".join(["word " * 125] * 10)
    answer = asyncio.create_task(client.session.post(f"{client.url}/tts", json={"text": text, "stream": True}))

    async def until(wanted: Callable[[float], bool]) -> None:
        async with asyncio.timeout(30):
            while not wanted(samples(await client.prometheus(), "tts_queue_audio_seconds")[0]):
                await asyncio.sleep(0.05)

    await until(lambda seconds: seconds > 300)  # it waits for the first audio
    provider.gate.set()
    async with await answer as response:
        await response.content.readexactly(44)
        await until(lambda seconds: seconds == 0)
        assert len(await response.read()) > 300 * 22050 * 2


async def test_no_more_requests_are_let_in_than_there_are_places(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, max_in_flight=2)
    provider.gate.clear()
    inside = [asyncio.create_task(client.tts({"text": "hi"})) for _ in range(2)]
    await client.until(lambda s: s["requests_in_flight"] == 2)
    async with client.session.post(f"{client.url}/tts", json={"text": "hi"}) as response:
        assert response.status == 429
        assert int(response.headers["Retry-After"]) >= 1
    provider.gate.set()
    assert [status for status, _, _ in await asyncio.gather(*inside)] == [200, 200]


async def test_no_more_audio_is_let_in_than_may_wait(start: Start) -> None:
    provider = HummingProvider()
    provider.rate = 0.5
    client = await start(provider, max_queue_seconds=1.0)
    provider.gate.clear()
    inside = asyncio.create_task(client.tts({"text": "one two three four five six seven eight nine ten"}))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    async with client.session.post(f"{client.url}/tts", json={"text": "hi there you"}) as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "6"  # 2.97 s too much, at half a second a second
    provider.gate.set()
    assert (await inside)[0] == 200


async def test_only_what_has_to_be_made_needs_room(start: Start) -> None:
    provider = HummingProvider()
    provider.rate = 0.5
    client = await start(provider, max_queue_seconds=1.0, cache_bytes=2**24)
    assert (await client.tts({"text": "said before"}))[0] == 200
    provider.gate.clear()
    text = "one two three four five six seven eight nine ten"
    inside = [asyncio.create_task(client.tts({"text": text})) for _ in range(2)]
    await client.until(lambda s: s["requests_in_flight"] == 2)
    assert (await client.tts({"text": "said before"}))[0] == 200
    assert await client.refused({"text": "hi there you"}) == (429, "queue_full", None)
    provider.gate.set()
    assert [status for status, _, _ in await asyncio.gather(*inside)] == [200, 200]
    exposed = await client.prometheus()
    results = {
        r: samples(exposed, "tts_cache_requests_total", result=r) for r in ("hit", "miss", "coalesced", "bypass")
    }
    assert results == {"hit": [1], "miss": [3], "coalesced": [1], "bypass": [0]}


async def test_what_would_surely_be_late_is_refused_at_once(start: Start) -> None:
    provider = HummingProvider()
    provider.rate = 0.1
    client = await start(provider, deadline_seconds=5.0)
    provider.gate.clear()
    inside = asyncio.create_task(client.tts({"text": "one two three"}))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    assert (await client.refused({"text": "four five six"}))[:2] == (429, "queue_full")
    provider.gate.set()
    assert (await inside)[0] == 200


async def test_audio_that_is_late_is_an_error(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, deadline_seconds=0.5)
    provider.gate.clear()
    for stream in (False, True):
        assert (await client.refused({"text": "hi", "stream": stream}))[:2] == (504, "deadline_exceeded")
    assert provider.closed_generators == 2
    assert samples(await client.prometheus(), "tts_errors_total", error_type="deadline_exceeded", side="server") == [2]
    provider.gate.set()


async def test_an_engine_beyond_help_is_not_ready(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    lost = asyncio.create_task(client.service.lost())
    provider.reports.lost(EngineFailed("the accelerator has failed"))
    await lost
    async with client.session.get(f"{client.url}/ready") as response:
        assert response.status == 503
    assert (await client.refused({"text": "hi"}))[:2] == (503, "not_ready")


async def test_the_engine_knows_who_listens_and_how(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    _, headers, _ = await client.tts({"text": "hi", "stream": True})
    [listener] = provider.listeners
    assert listener.streamed
    assert listener.client == "127.0.0.1"
    assert isinstance(listener.origin, SpanContext)
    assert format_trace_id(listener.origin.trace_id) == headers["X-Trace-ID"]


async def test_it_is_alive_before_it_is_ready(start: Start) -> None:
    provider = HummingProvider(ready=False)
    client = await start(provider)
    assert await client.json("/health") == {"status": "ok"}
    async with client.session.get(f"{client.url}/ready") as response:
        assert response.status == 503
    assert (await client.refused({"text": "hi"}))[:2] == (503, "not_ready")
    provider.may_start.set()
    async with asyncio.timeout(60):
        while (await client.session.get(f"{client.url}/ready")).status != 200:
            await asyncio.sleep(0.01)
    assert (await client.tts({"text": "hi"}))[0] == 200


async def test_a_stop_finishes_what_it_has_and_refuses_what_is_new(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    inside = asyncio.create_task(client.tts({"text": "hi there"}))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    stopping = asyncio.create_task(client.service.stop())
    await asyncio.sleep(0)
    assert (await client.refused({"text": "hi"}))[:2] == (503, "shutting_down")
    async with client.session.get(f"{client.url}/ready") as response:
        assert response.status == 503
    provider.gate.set()
    assert (await inside)[0] == 200
    await stopping
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.tts({"text": "hi"})


# What is counted


async def test_one_request_is_seen_everywhere(start: Start) -> None:
    client = await start()
    _, headers, _ = await client.tts({"text": "(happy) " + "word " * 30})
    text = await client.prometheus()
    series = {"endpoint": "/tts", "method": "POST", "status_code": "200", "voice_name": "joe", "language": "en"}
    assert samples(text, "tts_requests_total", **series, outcome="ok") == [1]
    one = {"voice_name": "joe"}
    for name, labels in {
        "tts_request_duration_seconds": {"endpoint": "/tts", "language": "en"},
        "tts_word_count_duration_seconds": {"word_count_range": "26-50", "cache": "miss"},
        "tts_character_count_duration_seconds": {"char_count_range": "101-200", "cache": "miss"},
        "tts_time_to_first_audio_seconds": {"word_count_range": "26-50"},
        "tts_real_time_factor": {"word_count_range": "26-50"},
        "tts_audio_duration_seconds": {},
    }.items():
        assert samples(text, f"{name}_count", **one, **labels) == [1], name
    assert samples(text, "tts_words_total", **one, client="anonymous") == [30]
    assert samples(text, "tts_characters_total", **one) == [149]
    assert samples(text, "tts_audio_duration_seconds_sum") == [pytest.approx(149 * 0.065, rel=1e-4)]
    assert samples(text, "tts_active_voices") == [1]
    assert samples(text, "tts_requests_in_flight") == [0]
    assert samples(text, "tts_model_load_time_seconds", model="kan") == [0.5]
    assert samples(text, "tts_system_memory_usage_bytes")[0] > 10e6
    assert 0 <= samples(text, "tts_system_cpu_usage_percent")[0] <= 100
    trace = await client.json(f"/traces/{headers['X-Trace-ID']}")
    assert trace == await client.json(f"/traces/{headers['X-Request-ID']}")
    root, *stages = trace["spans"]
    assert (root["name"], root["kind"]) == ("POST /tts", "SERVER")
    assert root["attributes"]["tts.word_count_range"] == "26-50"
    assert root["attributes"]["gen_ai.operation.name"] == "text_to_speech"
    assert [stage["name"] for stage in stages] == [
        "attempt",
        "normalize",
        "infer",
        "decode",
        "encode",
        "encode",
        "send",
    ]
    for stage in stages:
        assert stage["parent_span_id"] == root["span_id"]
        assert root["start_unix_nano"] <= stage["start_unix_nano"] <= stage["end_unix_nano"] <= root["end_unix_nano"]


async def test_the_books_balance_under_mixed_load(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, traces_per_second=1000)
    provider.gate.clear()
    leaving = [asyncio.create_task(client.tts({"text": "One. Two."})) for _ in range(5)]
    await client.until(lambda s: s["requests_in_flight"] == 5)
    for request in leaving:
        request.cancel()
    provider.gate.set()
    good = [client.tts({"text": f"number {'so ' * n}.", "stream": n % 2 == 0}) for n in range(40)]
    bad = [client.refused({"text": "a", "voice_name": f"nobody{n}"}) for n in range(20)]
    await asyncio.gather(*good, *bad)
    summary = await client.until(lambda s: s["requests_in_flight"] == 0 and s["total_requests"] == 65)
    text = await client.prometheus()
    for outcome, key in {
        "ok": "successful",
        "error": "failed",
        "cancelled": "cancelled",
        "rejected": "rejected",
    }.items():
        assert sum(samples(text, "tts_requests_total", outcome=outcome)) == summary[f"{key}_requests"]
    assert (summary["successful_requests"], summary["rejected_requests"]) == (40, 20)
    assert summary["cancelled_requests"] == 5 == sum(samples(text, "tts_cancellations_total"))
    assert sum(samples(text, "tts_requests_total")) == 65
    assert sum(r["count"] for r in summary["by_word_count_range"].values()) == 40


async def test_every_exemplar_opens(start: Start) -> None:
    client = await start(traces_per_second=1)
    for number in range(60):
        await client.tts({"text": "word " * (1 + number % 12), "stream": number % 3 == 0})
    text = await client.prometheus("application/openmetrics-text; version=1.0.0")
    ids = {line.split('trace_id="')[1][:32] for line in text.splitlines() if 'trace_id="' in line}
    held = {trace["trace_id"] for trace in (await client.json("/traces"))["last"]}
    assert ids
    assert len(held) < 60
    assert ids <= held


async def test_hostile_clients_add_no_series(start: Start) -> None:
    client = await start()
    await client.tts({"text": "hi"})
    await client.refused({"text": "hi", "voice_name": "seed"})
    await client.session.request("BREW0", f"{client.url}/tts")
    await client.session.get(f"{client.url}/seed")

    def series(text: str) -> int:
        return sum(not line.startswith("#") for line in text.splitlines())

    before = series(await client.prometheus())
    for n in range(50):
        await client.refused({"text": "hi", "voice_name": f'joe{n}"}}'}, headers={"User-Agent": f"agent{n}"})
        await client.session.request(f"BREW{n}", f"{client.url}/tts")
        await client.session.get(f"{client.url}/path{n}?text=secret{n}", headers={"Host": f"host{n}"})
    assert series(await client.prometheus()) == before


async def test_a_callers_trace_is_continued_or_linked(start: Start) -> None:
    client = await start()
    for flags, same in (("01", True), ("00", False)):
        trace_id = uuid.uuid4().hex
        headers = {"traceparent": f"00-{trace_id}-00f067aa0ba902b7-{flags}", "tracestate": "vendor=SECRET"}
        _, answer, _ = await client.tts({"text": "hi"}, headers=headers)
        assert (answer["X-Trace-ID"] == trace_id) is same
        trace = await client.json(f"/traces/{answer['X-Trace-ID']}")
        assert trace["spans"][0]["parent_span_id"] == ("00f067aa0ba902b7" if same else None)
        assert [link["trace_id"] for link in trace["spans"][0]["links"]] == ([] if same else [trace_id])


async def test_a_trace_that_is_not_held_says_why(start: Start) -> None:
    client = await start()
    async with client.session.get(f"{client.url}/traces/{'0' * 32}") as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "unknown_trace"


async def test_the_management_port_serves_prometheus_text(start: Start) -> None:
    client = await start()
    await client.tts({"text": "hi"})
    for path in ("/metrics", "/prometheus"):
        async with client.session.get(f"{client.service.management_url}{path}") as response:
            assert "tts_requests_total" in await response.text()


async def test_metrics_can_be_switched_off(start: Start) -> None:
    client = await start(metrics_enabled=False)
    _, headers, _ = await client.tts({"text": "hi"})
    for path in ("/metrics", "/prometheus"):
        async with client.session.get(client.url + path) as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "metrics_disabled"
    assert client.service.management_url is None
    assert (await client.json(f"/traces/{headers['X-Trace-ID']}"))["spans"]


async def test_each_request_leaves_one_event(start: Start, tmp_path: Path) -> None:
    client = await start()
    _, headers, _ = await client.tts({"text": "one two three"})
    await client.refused({"text": ""})
    await client.service.stop()
    files = [tmp_path / "events" / name for name in ("requests.jsonl", "refused.jsonl")]
    records = [
        record
        for path in files
        for line in path.read_text().splitlines()
        for logs in json.loads(line)["resourceLogs"]
        for scope in logs["scopeLogs"]
        for record in scope["logRecords"]
    ]
    assert [record["eventName"] for record in records] == ["tts.request"] * 2
    features = {entry["key"]: next(iter(entry["value"].values())) for entry in records[0]["attributes"]}
    assert records[0]["traceId"] == headers["X-Trace-ID"]
    assert (features["tts.word_count"], features["tts.outcome"], features["tts.build"]) == ("3", "ok", "0.1.0")
    assert features["tts.voice_checksum"] == "c0ffee"


async def test_events_and_spans_carry_only_features_of_the_contract(start: Start, tmp_path: Path) -> None:
    from otel.contract.event_fields import REQUEST_FIELDS

    client = await start(failing(EngineFailed("the speech engine failed"), after=1))
    await client.tts({"text": "one two"})
    await client.refused({"text": "One. Two."})
    await client.refused({"text": ""})
    await client.service.stop()
    lines = [line for path in (tmp_path / "events").iterdir() for line in path.read_text().splitlines()]
    assert lines
    for line in lines:
        for record in json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]:
            assert {entry["key"] for entry in record["attributes"]} <= REQUEST_FIELDS.keys()


async def test_a_request_is_explained_in_a_sentence(start: Start) -> None:
    client = await start()
    _, headers, _ = await client.tts({"text": "Hello there."})

    async def explain(identifier: str, url: str) -> tuple[int | None, str]:
        command = [sys.executable, "-m", "server.explain", identifier, "--url", url]
        command += ["--jaeger", "http://127.0.0.1:9", "--tempo", "http://127.0.0.1:9"]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE, cwd=ROOT)
        output, errors = await process.communicate()
        return process.returncode, (output + errors).decode()

    for identifier in (headers["X-Request-ID"], headers["X-Trace-ID"]):
        code, text = await explain(identifier, client.url)
        assert (code, text.count("\n")) == (0, 1)
        assert text.startswith(f"Request {headers['X-Request-ID']} (/tts, joe, 1-10 words) took ")
    assert (await explain("0" * 32, client.url))[0] == 1
    assert (await explain("0" * 32, "http://127.0.0.1:9"))[0] == 2
    assert (await explain("../metrics", client.url))[0] == 2
