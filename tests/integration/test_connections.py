"""Real sockets that hold connections: idle ones, dripped headers, foreign hosts; others are served all the while."""

from __future__ import annotations

import asyncio
import json
import resource
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from server.network.connections import RESERVED_HANDLES
from tests.humming_provider import HummingProvider
from tests.service_client import Client, Start, samples

GET = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def connect(client: Client) -> Streams:
    host, port = client.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


@asynccontextmanager
async def connected(client: Client, count: int) -> AsyncIterator[list[Streams]]:
    """So many connections, of which each is accepted before the next."""
    streams = [await connect(client) for _ in range(count)]
    try:
        yield streams
    finally:
        for _, writer in streams:
            writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], Any]:
    """Status, headers and JSON of an answer."""
    async with asyncio.timeout(60):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        return int(head[0].split()[1]), headers, json.loads(await reader.readexactly(int(headers["content-length"])))


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server closes the connection."""
    async with asyncio.timeout(60):
        with suppress(ConnectionResetError):
            return await reader.read()
        return b""


async def asked(client: Client, path: str = "/health") -> tuple[int, dict[str, str], Any]:
    """The answer on a connection of its own."""
    reader, writer = await connect(client)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return await answer(reader)
    finally:
        writer.close()


async def until_busy(client: Client, count: int) -> None:
    """Until so many connections have a request, by the management port, which has places of its own."""
    async with asyncio.timeout(60):
        while samples(await management(client), "tts_connections", state="busy") != [count]:
            await asyncio.sleep(0.01)


async def management(client: Client, path: str = "/prometheus") -> str:
    async with client.session.get(f"{client.service.management_url}{path}") as response:
        assert response.status == 200
        return await response.text()


async def early_ends(client: Client) -> dict[str, float]:
    text = await management(client)
    found = {reason: samples(text, "tts_connections_ended_early_total", reason=reason) for reason in REASONS}
    return {reason: values[0] for reason, values in found.items()}


REASONS = ("full", "displaced", "timeout")


async def test_idle_connections_keep_nobody_out(start: Start) -> None:
    client = await start(max_connections=20)
    async with connected(client, 200) as idle:
        for _ in range(5):
            assert (await asked(client))[0] == 200
        assert await ended(idle[0][0]) == b""  # the oldest gave way
        newest, writer = idle[-1]
        writer.write(GET + b"\r\n")
        assert (await answer(newest))[0] == 200
        ends = await early_ends(client)
        assert ends["displaced"] >= 180
        assert ends["full"] == 0


async def test_as_many_as_there_are_handles_for_keep_nobody_out(start: Start) -> None:
    """Both ends of each are handles of this process: 5,000 where it may open more than 11,000."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(5000, (soft - 2 * RESERVED_HANDLES) // 2)
    client = await start(max_connections=count // 2)
    async with connected(client, count):
        assert (await asked(client))[0] == 200
        status, _, body = await client.tts({"text": "Hello."})
        assert (status, body[:4]) == (200, b"RIFF")


async def test_who_drips_a_body_gives_way_too(start: Start) -> None:
    client = await start(max_connections=4)
    head = b"POST /tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    async with connected(client, 4) as dripping:
        for _, writer in dripping:
            writer.write(head)
        await until_busy(client, 4)
        assert (await asked(client))[0] == 200
        endings = [asyncio.create_task(ended(reader)) for reader, _ in dripping]
        done, others = await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        assert [ending.result() for ending in done] == [b""]
        assert (await early_ends(client))["displaced"] == 1
        for other in others:
            other.cancel()


async def test_when_all_have_a_request_one_more_is_told_so(start: Start) -> None:
    provider = HummingProvider()
    client = await start(provider, max_connections=2)
    provider.gate.clear()
    async with connected(client, 2) as working:
        body = b'{"text": "Hello."}'
        for _, writer in working:
            writer.write(
                b"POST /tts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
            )
        await until_busy(client, 2)
        status, headers, error = await asked(client)
        assert (status, error["error"]["code"]) == (503, "too_many_connections")
        assert headers["retry-after"] == "5"
        assert headers["connection"] == "close"
        for path in ("/health", "/ready", "/metrics"):
            assert await management(client, path)
        assert (await early_ends(client))["full"] == 1
        provider.gate.set()
        for reader, _ in working:
            async with asyncio.timeout(60):
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    assert (await client.json("/health")) == {"status": "ok"}


async def test_a_connection_that_sends_nothing_is_closed(start: Start) -> None:
    client = await start(receive_seconds=0.2)
    reader, writer = await connect(client)
    assert await ended(reader) == b""
    assert (await early_ends(client))["timeout"] == 1
    writer.close()


@pytest.mark.parametrize("before", [0, 1])
async def test_dripped_headers_end_in_time(start: Start, before: int) -> None:
    """However often a byte comes; also those of a later request."""
    client = await start(receive_seconds=0.3)
    reader, writer = await connect(client)
    for _ in range(before):
        writer.write(GET + b"\r\n")
        assert (await answer(reader))[0] == 200
    writer.write(GET + b"X: ")

    async def drip() -> None:
        while not writer.is_closing():
            writer.write(b"a")
            await asyncio.sleep(0.02)

    dripping = asyncio.create_task(drip())
    try:
        status, headers, error = await answer(reader)
        assert (status, error["error"]["code"], headers["connection"]) == (408, "request_timeout", "close")
        assert await ended(reader) == b""
    finally:
        writer.close()
        await dripping
    assert (await early_ends(client))["timeout"] == 1


async def test_between_two_requests_there_is_more_time(start: Start) -> None:
    client = await start(receive_seconds=0.2)
    reader, writer = await connect(client)
    for _ in range(2):
        writer.write(GET + b"\r\n")
        assert (await answer(reader))[0] == 200
        silent, other = await connect(client)  # begins later, and is closed first
        assert await ended(silent) == b""
        other.close()
    writer.close()


async def test_too_many_headers_are_refused(start: Start) -> None:
    client = await start()
    reader, writer = await connect(client)
    writer.write(GET + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"\r\n")
    status, _, error = await answer(reader)
    assert (status, error["error"]["code"]) == (400, "bad_request")
    writer.close()


@pytest.mark.parametrize("request_line", [b"GARBAGE", b"GET / HTTP/9.9", b"FOO /tts HTTP/1.1"])
async def test_an_invalid_request_gets_the_headers_of_every_answer(start: Start, request_line: bytes) -> None:
    client = await start()
    reader, writer = await connect(client)
    writer.write(request_line + b"\r\nHost: localhost\r\n\r\n")
    status, headers, error = await answer(reader)
    assert (status, error["error"]["code"]) == (400, "bad_request")
    assert headers["server"] == "ttscope"
    assert await ended(reader) == b""
    assert headers["cache-control"] == "no-store"
    assert uuid.UUID(headers["x-request-id"])
    writer.close()


async def test_an_unknown_expectation_is_refused_in_our_words(start: Start) -> None:
    client = await start()
    for path in ("/tts", "/health", "/nothing"):
        reader, writer = await connect(client)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nExpect: my-secret\r\n\r\n".encode())
        status, headers, error = await answer(reader)
        assert (status, error["error"]["code"]) == (400, "bad_request")
        assert "secret" not in error["error"]["message"]
        assert headers["x-request-id"]
        writer.close()


async def test_accept_may_say_what_it_likes(start: Start) -> None:
    client = await start()
    for version in ("abc", "1.x", "1" * 4000):
        accept = f"application/openmetrics-text;version={version}"
        async with client.session.get(f"{client.url}/prometheus", headers={"Accept": accept}) as response:
            assert response.status == 200
            assert version not in response.headers["Content-Type"]


@pytest.mark.parametrize("kind", ["(" * 8000, "application/json" + ";a=b" * 1900, "multipart/form-data; boundary*=\"'"])
async def test_a_content_type_is_no_mistake_of_ours(start: Start, kind: str) -> None:
    client = await start()
    for path in ("/tts", "/api/tts", "/v1/audio/speech"):
        async with client.session.post(
            client.url + path, data=b'{"text": ""}', headers={"Content-Type": kind}
        ) as response:
            assert response.status in (415, 422)


FOREIGN = {"Host": "evil.example"}


async def test_no_other_host_is_answered_for(start: Start) -> None:
    client = await start()
    for method, path in (
        ("GET", "/traces"),
        ("GET", "/"),
        ("POST", "/tts"),
        ("GET", "/api/tts?text=a"),
        ("GET", "/nothing"),
    ):
        async with client.session.request(method, client.url + path, headers=FOREIGN) as response:
            assert response.status == 421
            error = (await response.json())["error"]
            assert (error["code"], error["param"]) == ("misdirected_request", None)
            assert "evil" not in error["message"]
    for path in ("/metrics", "/health", "/nothing"):
        async with client.session.get(f"{client.service.management_url}{path}", headers=FOREIGN) as response:
            assert response.status == 421
    summary = await client.json("/metrics")
    assert summary["errors_by_type"] == {"misdirected_request": 2}
    refused = samples(await client.prometheus(), "tts_requests_total", status_code="421", outcome="rejected")
    assert sum(refused) == 2


async def test_hosts_that_were_allowed_are_answered_for(start: Start) -> None:
    client = await start(allowed_hosts=("speech.example",))
    for host, status in (("speech.example:8010", 200), ("other.example", 421)):
        async with client.session.get(f"{client.url}/health", headers={"Host": host}) as response:
            assert response.status == status


async def test_a_request_without_a_host_is_answered(start: Start) -> None:
    client = await start()
    reader, writer = await connect(client)
    writer.write(b"GET /health HTTP/1.0\r\n\r\n")
    assert (await answer(reader))[0] == 200
    writer.close()
