"""Requests that never reach the application, on bare sockets: each is answered and counted once, in every signal."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp.web_protocol
import pytest
from aiohttp.http_parser import HttpRequestParserC, HttpRequestParserPy

from tests.fuzz import connections
from tests.humming_provider import HummingProvider
from tests.raw_client import RawClient, speech
from tests.service_client import Client, Start, samples

HOST = b"Host: localhost\r\n"
PARTIAL = b"POST /tts HTTP/1.1\r\nHost: loc"
LABELS = ("endpoint", "method", "status_code", "outcome")
FIELDS = ("tts.outcome", "tts.error_type", "tts.endpoint", "tts.method")
REJECTION = re.compile(
    rb'X-Request-ID: (\S+)(?:(?!HTTP/)[^{])+{"error": {[^}]+"(?:bad_request|uri_too_long|headers_too_large)"}}'
)
"""The id of an answer to a request that the application did not see."""
Counted = Counter[tuple[str, ...]]


@pytest.fixture(params=[HttpRequestParserC, HttpRequestParserPy], ids=["compiled", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of aiohttp's parsers."""
    monkeypatch.setattr(aiohttp.web_protocol, "HttpRequestParser", request.param)


@asynccontextmanager
async def connected(client: Client) -> AsyncIterator[RawClient]:
    raw = await RawClient.connect(client.url)
    try:
        yield raw
    finally:
        raw.leave()


async def counted(client: Client, expected: int) -> Counted:
    """The requests in Prometheus' text once ``expected`` have ended, after the JSON summary agrees with them."""
    summary = await client.until(lambda s: s["total_requests"] >= expected and not s["requests_in_flight"])
    async with client.session.get(f"{client.service.management_url}/prometheus") as response:
        text = await response.text()
    found: Counted = Counter()
    for line in text.splitlines():
        if line.startswith("tts_requests_total{"):
            labels = dict(label.split("=") for label in line[line.index("{") + 1 : line.index("}")].split(","))
            found[tuple(labels[name].strip('"') for name in LABELS)] += int(float(line.split()[1]))
    outcomes = {"ok": "successful", "error": "failed", "rejected": "rejected", "cancelled": "cancelled"}
    for outcome, name in outcomes.items():
        assert sum(n for key, n in found.items() if key[3] == outcome) == summary[f"{name}_requests"]
    assert sum(samples(text, "tts_errors_total")) == sum(summary["errors_by_type"].values())
    return +found


async def until_busy(client: Client, count: int) -> None:
    """Until so many connections have a request, by the management port."""
    async with asyncio.timeout(60):
        while True:
            async with client.session.get(f"{client.service.management_url}/prometheus") as response:
                if samples(await response.text(), "tts_connections", state="busy") == [count]:
                    return
            await asyncio.sleep(0.01)


async def events(client: Client, folder: Path) -> list[dict[str, Any]]:
    """The fields of every event, once the service has stopped."""
    await client.service.stop()
    lines = [line for path in (folder / "events").iterdir() for line in path.read_text().splitlines()]
    records = [record for line in lines for record in json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"]]
    return [{entry["key"]: next(iter(entry["value"].values())) for entry in r["attributes"]} for r in records]


OTHER = "other", "other"
REJECTED: dict[str, tuple[bytes, tuple[int, str], tuple[str, str]]] = {
    "no request line": (b"GARBAGE\r\n\r\n", (400, "bad_request"), OTHER),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", (400, "bad_request"), OTHER),
    "no version": (b"POST /tts HTTP/x\r\n" + HOST + b"\r\n", (400, "bad_request"), ("/tts", "POST")),
    "no method": (b"F(O /tts HTTP/1.1\r\n" + HOST + b"\r\n", (400, "bad_request"), OTHER),
    "no host": (b"POST /tts HTTP/1.1\r\n\r\n", (400, "bad_request"), ("/tts", "POST")),
    "a header without a name": (
        b"POST /v1/audio/speech HTTP/1.1\r\n: x\r\n\r\n",
        (400, "bad_request"),
        ("/v1/audio/speech", "POST"),
    ),
    "an expectation": (
        b"GET /process HTTP/1.1\r\nExpect: x\r\n" + HOST + b"\r\n",
        (400, "bad_request"),
        ("/process", "GET"),
    ),
    "a long URL": (
        b"GET /api/tts?text=" + b"a" * 100_000 + b" HTTP/1.1\r\n",
        (414, "uri_too_long"),
        ("/api/tts", "GET"),
    ),
    "a path without an end": (b"GET /" + b"a" * 1_000_000, (414, "uri_too_long"), OTHER),
    "a long header": (
        b"POST http://localhost/tts HTTP/1.1\r\nX: " + b"a" * 10_000 + b"\r\n\r\n",
        (431, "headers_too_large"),
        ("/tts", "POST"),
    ),
    "a header without an end": (
        b"POST /tts HTTP/1.1\r\nX: " + b"a" * 200_000,
        (431, "headers_too_large"),
        ("/tts", "POST"),
    ),
    "many headers": (
        b"POST /tts HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"a" * 1000) for n in range(40)) + HOST + b"\r\n",
        (431, "headers_too_large"),
        ("/tts", "POST"),
    ),
    "a host with an impossible port": (
        b"POST /tts HTTP/1.1\r\nHost: localhost:99999\r\n\r\n",
        (400, "bad_request"),
        ("/tts", "POST"),
    ),
    "a host with a port in letters": (
        b"GET /health HTTP/1.1\r\nHost: localhost:a\r\n\r\n",
        (400, "bad_request"),
        ("other", "GET"),
    ),
    "headers of another path": (b"GET /health HTTP/1.1\r\n: x\r\n\r\n", (400, "bad_request"), ("other", "GET")),
}


@pytest.mark.usefixtures("parser")
async def test_what_is_no_valid_request_is_answered_and_counted_once(start: Start, tmp_path: Path) -> None:
    client = await start()
    expected: Counted = Counter()
    answers: dict[str, tuple[str, ...]] = {}
    for name, (sent, error, labels) in REJECTED.items():
        async with connected(client) as raw:
            await raw.send(sent)
            answer = await raw.answer()
            assert (answer.status, answer.code) == error, name
            expected[(*labels, str(answer.status), "rejected")] += 1
            answers[answer.headers["x-request-id"]] = ("rejected", answer.code, *labels)
            assert await counted(client, len(answers)) == expected, name  # with its answer, not with its end
    assert await counted(client, len(answers)) == expected
    found = await events(client, tmp_path)
    assert {event["tts.request_id"]: tuple(event.get(name) for name in FIELDS) for event in found} == answers
    assert len(found) == len(answers)


@pytest.mark.usefixtures("parser")
async def test_a_url_holds_the_longest_text_however_it_is_encoded(start: Start) -> None:
    client = await start()
    text = "😀" * 4_994 + "Hello."
    async with connected(client) as raw:
        await raw.send(f"GET /api/tts?text={quote(text)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = await raw.answer()
        assert (answer.status, answer.body[:4]) == (200, b"RIFF")
        await raw.send(f"GET /api/tts?text={quote(text)}a HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        answer = await raw.answer()
        assert (answer.status, answer.code) == (413, "text_too_long")
        await raw.send(b"GET /api/tts?text=a" + b"&a=b" * 100 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        answer = await raw.answer()
        assert (answer.status, answer.code) == (422, "invalid_request")
    assert await counted(client, 3) == {
        ("/api/tts", "GET", "200", "ok"): 1,
        ("/api/tts", "GET", "422", "rejected"): 1,
        ("/api/tts", "GET", "413", "rejected"): 1,
    }


@pytest.mark.usefixtures("parser")
async def test_the_limit_of_a_url_follows_from_the_longest_text(start: Start) -> None:
    client = await start(max_text_characters=100)
    for size, status in ((9_000, 413), (10_000, 414)):
        async with connected(client) as raw:
            await raw.send(b"GET /api/tts?text=" + b"a" * size + b" HTTP/1.1\r\n" + HOST + b"\r\n")
            answer = await raw.answer()
            assert answer.status == status
    assert "at most 9392 bytes" in answer.message


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("before", [b"", speech("Hello.")])
async def test_headers_that_do_not_arrive_are_a_request_and_silence_is_none(start: Start, before: bytes) -> None:
    client = await start(receive_seconds=0.2)
    async with connected(client) as silent, connected(client) as raw:
        earlier = {("/tts", "POST", "200", "ok"): 1} if before else {}
        if before:
            await raw.send(before)
            assert (await raw.answer()).status == 200
        await raw.send(PARTIAL)
        answer = await raw.answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
        assert await silent.rest() == b""
        expected = earlier | {("/tts", "POST", "408", "rejected"): 1}
        assert await counted(client, len(expected)) == expected


@pytest.mark.usefixtures("parser")
async def test_a_request_that_ends_too_early_is_rejected(start: Start) -> None:
    client = await start()
    async with connected(client) as raw:
        await raw.send(PARTIAL)
        raw.end()
        answer = await raw.answer()
        assert (answer.status, answer.code) == (400, "bad_request")
        assert await raw.rest() == b""
    async with connected(client) as raw:
        await raw.send(speech("Hello.")[:-3])
        raw.end()
        answer = await raw.answer()
        assert (answer.status, answer.code) == (400, "invalid_json")
        assert await raw.rest() == b""
    assert await counted(client, 2) == {("/tts", "POST", "400", "rejected"): 2}


@pytest.mark.usefixtures("parser")
async def test_an_invalid_chunk_is_the_error_of_its_request(start: Start) -> None:
    client = await start()
    async with connected(client) as raw:
        head = b"POST /tts HTTP/1.1\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n" + HOST
        await raw.send(head + b'\r\n5\r\n{"tex\r\nz\r\n')
        answer = await raw.answer()
        assert (answer.status, answer.code) == (400, "invalid_json")
        assert await raw.rest() == b""
    assert await counted(client, 1) == {("/tts", "POST", "400", "rejected"): 1}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("rest", [b"", b"z\r\n"], ids=["nothing", "an invalid chunk"])
async def test_a_body_that_ends_after_its_answer_ends_the_connection(start: Start, rest: bytes) -> None:
    client = await start()
    async with connected(client) as raw:
        await raw.send(b"PUT /tts HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n5\r\nHello\r\n")
        assert (await raw.answer()).status == 405
        await raw.send(rest)
        if not rest:
            raw.end()
        assert await raw.rest() == b""
    assert await counted(client, 1) == {("/tts", "PUT", "405", "rejected"): 1}


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("leave", [RawClient.leave, RawClient.reset])
async def test_a_client_that_leaves_amid_its_headers_is_counted(start: Start, leave: Any) -> None:
    client = await start()
    async with connected(client) as silent, connected(client) as raw:
        await raw.send(PARTIAL)
        await raw.send(b"alhost\r\n")
        leave(silent)
        leave(raw)
        found = await counted(client, 1)
    assert sum(found.values()) == 1
    [(endpoint, method, status, outcome)] = found
    assert (endpoint, method) in {("/tts", "POST"), ("other", "other")}
    assert (status, outcome) in {("400", "rejected"), ("499", "cancelled")}


@pytest.mark.usefixtures("parser")
async def test_requests_in_a_row_are_counted_one_by_one(start: Start) -> None:
    """Also when they arrive at once, and the last one is invalid or incomplete."""
    client = await start()
    get = b"GET /api/tts?text=Hello. HTTP/1.1\r\n" + HOST + b"\r\n"
    for last in (b"GARBAGE\r\n\r\n", b"GET /api/t"):
        async with connected(client) as raw:
            await raw.send(speech("Hello.") + get + get + last)
            raw.end()
            assert [(await raw.answer()).status for _ in range(4)] == [200, 200, 200, 400]
            assert await raw.rest() == b""
    found = await counted(client, 8)
    assert found[("/tts", "POST", "200", "ok")] == 2
    assert found[("/api/tts", "GET", "200", "ok")] == 4
    assert sum(found.values()) == 8


@pytest.mark.usefixtures("parser")
async def test_requests_behind_one_whose_client_leaves_are_counted(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    async with connected(client) as raw:
        await raw.send(speech("Hello.") * 3 + b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n")
        await client.until(lambda s: s["requests_in_flight"] == 1)
        raw.reset()
        assert await counted(client, 3) == {("/tts", "POST", "499", "cancelled"): 3}


async def test_a_connection_that_is_refused_is_a_rejected_request(start: Start, tmp_path: Path) -> None:
    provider = HummingProvider()
    client = await start(provider, max_connections=1)
    provider.gate.clear()
    async with connected(client) as working:
        await working.send(speech("Hello."))
        await until_busy(client, 1)
        async with connected(client) as raw:
            answer = await raw.answer()
            assert (answer.status, answer.code) == (503, "too_many_connections")
        provider.gate.set()
        assert (await working.answer()).status == 200
    found = await counted(client, 2)
    assert found == {("/tts", "POST", "200", "ok"): 1, ("other", "other", "503", "rejected"): 1}
    refused = next(event for event in await events(client, tmp_path) if event["tts.outcome"] == "rejected")
    assert refused["tts.request_id"] == answer.headers["x-request-id"]


async def test_headers_that_give_way_are_counted(start: Start) -> None:
    client = await start(max_connections=2)
    async with connected(client) as silent, connected(client) as raw:
        await raw.send(PARTIAL)
        async with connected(client) as first:  # instead of the silent one
            assert await silent.rest() == b""
            await first.send(speech("Hello."))
            assert (await first.answer()).status == 200
            async with connected(client):
                answer = await raw.answer()
        assert (answer.status, answer.code) == (408, "request_timeout")
    assert await counted(client, 2) == {("/tts", "POST", "200", "ok"): 1, ("/tts", "POST", "408", "rejected"): 1}


async def test_headers_at_the_servers_end_are_counted(start: Start, tmp_path: Path) -> None:
    client = await start()
    async with connected(client) as raw:
        await raw.send(PARTIAL)
        await client.json("/health")  # by then the server has read them
        [event] = await events(client, tmp_path)
        assert (event["tts.outcome"], event["tts.error_type"]) == ("rejected", "shutting_down")
        assert (await raw.answer()).status == 503


@pytest.mark.usefixtures("parser")
async def test_whatever_is_sent_no_request_is_counted_twice_and_no_rejection_is_missed(
    start: Start, tmp_path: Path
) -> None:
    client = await start()
    ids: list[bytes] = []
    for number in range(300):
        async with connected(client) as raw:
            await raw.send(connections.make(random.Random(number)))
            raw.end()
            ids += REJECTION.findall(await raw.rest())
    assert len(ids) > 50
    total = sum((await counted(client, len(ids))).values())
    found = Counter(event["tts.request_id"] for event in await events(client, tmp_path))
    assert found.total() == total
    assert found.most_common(1)[0][1] == 1
    assert {identifier.decode() for identifier in ids} <= found.keys()


async def test_the_management_port_counts_no_requests(start: Start) -> None:
    client = await start()
    assert client.service.management_url is not None
    raw = await RawClient.connect(client.service.management_url)
    await raw.send(b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n")
    assert (await raw.answer()).status == 414
    raw.leave()
    assert await counted(client, 0) == {}
