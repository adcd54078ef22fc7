"""Clients that close their sending side get their answers; those that close both are noticed, and their work ends."""

from __future__ import annotations

import aiohttp.web_protocol
import pytest
from aiohttp.http_parser import HttpRequestParserC, HttpRequestParserPy

from server.network import disconnects
from tests.humming_provider import HummingProvider
from tests.raw_client import RawClient, speech
from tests.service_client import Start, samples

SHORT_SECONDS = 0.02


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server looks and probes at once."""
    monkeypatch.setattr(disconnects, "PROBE_SECONDS", SHORT_SECONDS)
    monkeypatch.setattr(disconnects, "LOOK_SECONDS", SHORT_SECONDS)


@pytest.mark.parametrize("parser", [HttpRequestParserC, HttpRequestParserPy], ids=["compiled", "python"])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_client_that_ends_its_side_gets_its_answer(
    start: Start, monkeypatch: pytest.MonkeyPatch, parser: type, version: str, stream: bool
) -> None:
    monkeypatch.setattr(aiohttp.web_protocol, "HttpRequestParser", parser)
    client = await start()
    _, _, whole = await client.tts({"text": "One. Two."})
    raw = await RawClient.connect(client.url)
    await raw.send(speech("One. Two.", version=version, stream=stream))
    raw.end()
    status, headers = await raw.head()
    assert status == 200
    body = await raw.rest()
    assert whole[-1000:] in body
    assert stream == ("content-length" not in headers)
    summary = await client.until(lambda s: s["total_requests"] == 2)
    assert summary["successful_requests"] == 2
    raw.leave()


@pytest.mark.usefixtures("soon")
async def test_one_that_waits_for_long_gets_an_interim_response_and_its_answer(start: Start) -> None:
    """By HTTP/1.0, which has none, it gets the answer alone."""
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    old, new, later = [await RawClient.connect(client.url) for _ in range(3)]
    await old.send(speech("Hello.", version="1.0"))
    old.end()
    await client.until(lambda s: s["requests_in_flight"] == 1)
    for number, raw in enumerate((new, later), 2):
        await raw.send(speech("Hello."))
        await client.until(lambda s, number=number: s["requests_in_flight"] == number)
        raw.end()
        assert await raw.head() == (100, {})
    provider.gate.set()
    for raw in (old, new, later):
        answer = await raw.answer()
        assert (answer.status, answer.body[:4]) == (200, b"RIFF")
        assert await raw.rest() == b""
        raw.leave()
    assert (await client.until(lambda s: s["total_requests"] == 3))["successful_requests"] == 3


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_one_that_closes_both_sides_ends_the_work(start: Start, stream: bool) -> None:
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    raw = await RawClient.connect(client.url)
    await raw.send(speech("One. Two.", stream=stream))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    raw.leave()
    summary = await client.until(lambda s: s["cancelled_requests"] == 1)
    assert summary["requests_in_flight"] == 0
    assert provider.closed_generators == 1
    assert samples(await client.prometheus(), "tts_requests_total", outcome="cancelled", status_code="499") == [1]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_one_that_can_not_be_probed_is_noticed_by_its_answer(start: Start, stream: bool) -> None:
    """By HTTP/1.0: the whole answer is made, or a stream's first chunk, but it is no success."""
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    raw = await RawClient.connect(client.url)
    await raw.send(speech("One. Two. Three.", version="1.0", stream=stream))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    raw.leave()
    await client.json("/health")
    provider.gate.set()
    summary = await client.until(lambda s: s["total_requests"] == 1)
    assert (summary["cancelled_requests"], summary["requests_in_flight"]) == (1, 0)
    assert samples(await client.prometheus(), "tts_requests_total", outcome="cancelled", status_code="200") == [1]


@pytest.mark.usefixtures("soon")
async def test_a_stream_that_has_begun_ends_with_its_next_chunk(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    raw = await RawClient.connect(client.url)
    await raw.send(speech(". ".join(["word " * 8] * 100), stream=True))
    assert (await raw.head())[0] == 200
    provider.gate.clear()
    raw.end()
    raw.leave()
    provider.gate.set()
    summary = await client.until(lambda s: s["cancelled_requests"] == 1)
    assert summary["requests_in_flight"] == 0
    assert provider.closed_generators == 1
