"""The description is whole and true: schemathesis makes requests of it, and holds every answer to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from server.app import Service
from server.routes import console
from server.settings import Settings
from server.utterance import Chunk, Listener, Utterance
from tests.humming_provider import HummingProvider
from tests.schemathesis_run import requests_of
from tests.server_process import ROOT
from tests.service_client import Start

EXAMPLES = 25
"""For each call, beside what covers each bound of its schema."""


class ReckoningProvider(HummingProvider):
    """Says how long its hum will be, so that what odd signs would take to be read aloud does not matter."""

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        chunks = [chunk async for chunk in super().speak(utterance, listener)]
        expected = sum(chunk.seconds for chunk in chunks)
        for chunk in chunks:
            yield replace(chunk, expected=expected)


@pytest.mark.timeout(600)
async def test_schemathesis_finds_nothing(start: Start, tmp_path: Path) -> None:
    client = await start(ReckoningProvider(), traces_per_second=1000, max_in_flight=64)
    made = await asyncio.to_thread(requests_of, client.url, tmp_path, EXAMPLES, "--checks", "all")
    assert made > 300
    summary = await client.json("/metrics")
    assert summary["failed_requests"] == 0
    assert summary["successful_requests"] > 100


async def test_every_route_is_described_and_nothing_else(start: Start, tmp_path: Path) -> None:
    client = await start()
    paths = (await client.json("/openapi.json"))["paths"]
    described = {(method.upper(), path) for path, calls in paths.items() for method in calls}
    settings = Settings(port=0, management_port=0, data_dir=tmp_path)
    application = Service(settings, [HummingProvider()]).applications.api()
    routes = {(route.method, resource.canonical) for resource in application.router.resources() for route in resource}
    files = {(method, path) for path in console.FILES for method in ("GET", "HEAD")}
    compatible = {(route.method, route.path) for route in client.service.applications.api_routes()
                  if route.operation is None and route.path not in console.FILES}  # fmt: skip
    pages = "".join(page.read_text() for page in (ROOT / "docs").glob("voice_agents*.md"))
    own = [re.sub(r"^/(cartesia|deepgram|elevenlabs|piper)(?=/)", "", path).split("{")[0] for _, path in compatible]
    assert [path for path in own if path not in pages] == []
    heads = {("HEAD", path) for method, path in described | compatible if method == "GET"}
    assert routes - files - heads - compatible == described


async def test_every_call_says_which_scope_it_needs(start: Start) -> None:
    client = await start()
    description = await client.json("/openapi.json")
    schemes = description["components"]["securitySchemes"]
    for route in client.service.applications.api_routes():
        if route.operation is not None:
            security = description["paths"][route.path][route.method.lower()].get("security")
            expected = [*({name: [route.scope]} for name in schemes), {}] if route.scope else None
            assert security == expected


async def test_its_voices_are_those_that_there_are(start: Start) -> None:
    client = await start()
    schemas = (await client.json("/openapi.json"))["components"]["schemas"]
    assert schemas["TtsRequest"]["properties"]["voice_name"]["anyOf"][0]["enum"][:3] == ["joe", "kan", "alloy"]
    assert schemas["TtsRequest"]["properties"]["text"]["maxLength"] == 5000


async def test_the_headers_of_limits_are_described_where_they_are(start: Start) -> None:
    client = await start(requests_per_minute=6, trusted_proxies=(ip_network("127.0.0.0/8"),))
    elsewhere = {"X-Forwarded-For": "192.0.2.1"}  # who is on this machine has no limits
    paths = (await client.json("/openapi.json"))["paths"]
    statuses = set()
    for path, body in [
        ("/tts", {"text": "hello"}),
        ("/tts", {"text": "hello", "voice_name": "nobody"}),
        ("/tts", {"text": "hello", "speed": 9}),
        ("/v1/audio/speech", {"model": "tts-1", "input": "hello", "voice": "joe"}),
        ("/v1/text/read", {"text": "3 cats"}),
        *[("/tts", {"text": "hello"})] * 3,
    ]:
        async with client.session.post(client.url + path, json=body, headers=elsewhere) as response:
            described = paths[path]["post"]["responses"]
            headers = described.get(str(response.status), described["default"])["headers"]
            assert {"RateLimit", "RateLimit-Policy"} <= headers.keys() & response.headers.keys()
            statuses.add(response.status)
    assert statuses == {200, 404, 422, 429}
    for path in ("/health", "/metrics", "/voices"):
        async with client.session.get(client.url + path, headers=elsewhere) as response:
            assert "RateLimit" not in response.headers
            described = paths[path]["get"]["responses"]
            assert not any("RateLimit" in each.get("headers", {}) for each in described.values())


async def test_the_page_needs_nothing_from_elsewhere(start: Start) -> None:
    client = await start()
    async with client.session.get(f"{client.url}/docs") as response:
        page = await response.text()
        assert response.content_type == "text/html"
        assert "script-src 'none'" in response.headers["Content-Security-Policy"]
    assert "://" not in page
    assert "<script" not in page
    for path in (await client.json("/openapi.json"))["paths"]:
        assert f" {path}</code>" in page


async def test_a_service_that_is_not_ready_is_described_all_the_same(start: Start) -> None:
    client = await start(HummingProvider(ready=False))
    assert "/tts" in (await client.json("/openapi.json"))["paths"]
