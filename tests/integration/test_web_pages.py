"""What web pages of allowed origins get from a server that needs keys: preflights and readable errors."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from tests.api_keys import bearer, create
from tests.service_client import Client, Start, samples

APP = "https://app.example"
PREFLIGHT = {
    "Origin": APP,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}


@pytest.fixture
def key(tmp_path: Path) -> str:
    return create(tmp_path, "somebody")


@pytest.fixture
async def client(start: Start, key: str) -> Client:
    return await start(allowed_origins=(APP,))


async def preflight(client: Client, **headers: str) -> aiohttp.ClientResponse:
    async with client.session.options(f"{client.url}/tts", headers=PREFLIGHT | headers) as response:
        return response


async def test_a_preflight_needs_no_key_and_is_no_request_for_audio(client: Client) -> None:
    response = await preflight(client)
    assert response.status == 204
    assert response.headers["Access-Control-Allow-Headers"] == "authorization, content-type"
    assert response.headers["X-Request-ID"]
    text = await prometheus(client)
    assert sum(samples(text, "tts_requests_total")) == 0
    assert sum(samples(text, "tts_auth_attempts_total", result="missing")) == 0


async def test_a_refused_preflight_counts_as_a_rejection(client: Client) -> None:
    response = await preflight(client, Origin="https://evil.example")
    assert response.status == 403
    assert "Access-Control-Allow-Origin" not in response.headers
    labels = {"endpoint": "/tts", "method": "OPTIONS", "outcome": "rejected", "status_code": "403"}
    assert samples(await prometheus(client), "tts_requests_total", **labels) == [1]


async def test_an_allowed_page_reads_why_its_key_is_refused(client: Client) -> None:
    for headers, status in (({}, 401), ({"Authorization": "Bearer none"}, 401)):
        async with client.session.post(
            f"{client.url}/tts", json={"text": "Hi."}, headers={"Origin": APP, **headers}
        ) as r:
            assert (r.status, r.headers["Access-Control-Allow-Origin"]) == (status, APP)
            assert "X-Request-ID" in r.headers["Access-Control-Expose-Headers"]


async def test_a_key_does_not_open_the_server_to_other_pages(client: Client, key: str) -> None:
    """A page that knows a key still needs an origin that is allowed."""
    headers = bearer(key)
    for origin, status in ((APP, 200), ("https://evil.example", 403)):
        async with client.session.post(
            f"{client.url}/tts", json={"text": "Hi."}, headers={"Origin": origin, **headers}
        ) as response:
            assert response.status == status


async def test_the_management_port_is_closed_to_all_pages(client: Client) -> None:
    for path in ("/metrics", "/health"):
        async with client.session.get(f"{client.service.management_url}{path}", headers={"Origin": APP}) as response:
            assert response.status == 403


async def prometheus(client: Client) -> str:
    """The metrics of the management port, which need no key on the loopback."""
    async with client.session.get(f"{client.service.management_url}/metrics") as response:
        assert response.status == 200
        return await response.text()
