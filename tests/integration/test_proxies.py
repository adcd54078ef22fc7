"""Behind a real nginx with the configuration of docs/proxies.md: streams, clients, hosts, origins, leaving clients."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from server.errors import OriginNotAllowed
from server.middleware.origins import PAGES, Origins
from server.network import disconnects
from server.utterance import Chunk, Listener, Utterance
from tests.certificates import Authority
from tests.humming_provider import HummingProvider
from tests.nginx_server import Nginx
from tests.raw_client import RawClient, speech
from tests.server_process import ROOT
from tests.service_client import Client, Start, samples

Trusting = Callable[..., aiohttp.ClientSession]
BEHIND = {"allowed_hosts": "localhost,speech.example", "trusted_proxies": "127.0.0.1"}
TWO = ". ".join(["word " * 8] * 2)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority.pem")


@pytest.fixture
def trusting(authority: Authority) -> Trusting:
    """Makes sessions of clients that trust the authority of nginx' certificate."""
    return lambda **options: aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=authority.client_context(), **options)
    )


@pytest.fixture
async def proxied(start: Start, authority: Authority, trusting: Trusting, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a server with nginx before it; the client goes through nginx."""
    certificate, key = tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.issue(certificate, key)
    running: list[Nginx] = []
    async with trusting() as session:

        async def starter(provider: HummingProvider | None = None, **settings: Any) -> Client:
            client = await start(provider, **BEHIND, **settings)
            nginx = Nginx(tmp_path, client.url, certificate, key)
            running.append(nginx)
            through = Client(client.service, session)
            through.url = nginx.url
            async with asyncio.timeout(60):
                while not await answers(through):
                    assert nginx.running(), nginx.log
                    await asyncio.sleep(0.02)
            return through

        yield starter
    for nginx in running:
        nginx.stop()


async def answers(client: Client) -> bool:
    try:
        async with client.session.get(f"{client.url}/health") as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


class PausingProvider(HummingProvider):
    """It closes its own gate with each sentence that it gives."""

    async def speak(self, utterance: Utterance, listener: Listener) -> AsyncGenerator[Chunk, None]:
        async for chunk in super().speak(utterance, listener):
            self.gate.clear()
            yield chunk


async def test_speech_and_streams_pass_as_they_are_made(proxied: Start) -> None:
    provider = PausingProvider()
    client = await proxied(provider, hsts_seconds=300)
    status, headers, audio = await client.tts({"text": "Hello."})
    assert (status, audio[:4]) == (200, b"RIFF")
    assert headers["Strict-Transport-Security"] == "max-age=300"
    assert await client.refused({"text": "(happy)"}) == (422, "nothing_to_speak", "text")
    provider.gate.set()
    async with (
        asyncio.timeout(60),
        client.session.post(f"{client.url}/tts", json={"text": TWO, "stream": True}) as made,
    ):
        assert len(await made.content.readexactly(20_000)) == 20_000
        assert not provider.gate.is_set()  # the second sentence is not made yet
        provider.gate.set()
        assert len(await made.read()) > 20_000


async def test_a_client_that_leaves_ends_the_work(
    proxied: Start, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disconnects, "PROBE_SECONDS", 0.02)
    monkeypatch.setattr(disconnects, "LOOK_SECONDS", 0.02)
    provider = HummingProvider()
    client = await proxied(provider)
    provider.gate.clear()
    raw = await RawClient.connect(client.url, authority.client_context())
    await raw.send(speech("Hello."))
    await client.until(lambda s: s["requests_in_flight"] == 1)
    raw.reset()
    await client.until(lambda s: s["cancelled_requests"] == 1)
    assert provider.closed_generators == 1


async def test_clients_are_told_apart_by_their_address_and_can_not_choose_it(
    proxied: Start, trusting: Trusting
) -> None:
    provider = HummingProvider()
    client = await proxied(provider)
    for address, header in (("127.0.0.2", {}), ("127.0.0.2", {"X-Forwarded-For": "203.0.113.9"}), ("127.0.0.3", {})):
        async with (
            trusting(local_addr=(address, 0)) as session,
            session.post(f"{client.url}/tts", json={"text": "Hello."}, headers=header) as response,
        ):
            assert response.status == 200
    assert [listener.client for listener in provider.listeners] == ["127.0.0.2", "127.0.0.2", "127.0.0.3"]


async def test_the_page_behind_a_proxy_may_call_and_others_may_not(proxied: Start) -> None:
    client = await proxied()
    own = {"Origin": client.url, "Sec-Fetch-Site": "same-origin"}
    assert (await client.tts({"text": "Hello."}, headers=own))[0] == 200
    assert (await client.tts({"text": "Hello."}, headers={"Origin": client.url}))[0] == 200
    foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert await client.refused({"text": "Hello."}, headers=foreign) == (403, "origin_not_allowed", None)
    assert await client.refused({"text": "Hello."}, headers={"Host": "evil.example"}) == (
        421, "misdirected_request", None,
    )  # fmt: skip
    text = await client.prometheus()
    assert samples(text, "tts_requests_total", status_code="403", outcome="rejected") == [1]


async def test_a_body_that_is_too_large_is_refused_by_either(proxied: Start) -> None:
    client = await proxied()
    async with client.session.post(f"{client.url}/tts", data=b"x" * 300 * 1024) as response:
        assert response.status == 413


def matrix() -> list[tuple[str, str, dict[str, str], bool]]:
    """The table of docs/proxies.md: who asks, for what, with which headers, and whether it is accepted."""
    section = (ROOT / "docs" / "proxies.md").read_text().split("| Who | Request |")[1]
    rows = [line.strip("|").split("|") for line in section.splitlines()[2:] if line.startswith("|")]
    return [
        (
            who.strip(),
            request.strip(" `"),
            dict(header.split(": ") for header in re.findall(r"`([^`]+)`", headers)),
            {"accepted": True, "403": False}[answer.strip(" *")],
        )
        for who, request, headers, answer in rows
    ]


MATRIX = matrix()


@pytest.mark.parametrize(("who", "call", "headers", "accepted"), MATRIX, ids=[row[0] for row in MATRIX])
async def test_the_documented_matrix_is_true(who: str, call: str, headers: dict[str, str], accepted: bool) -> None:
    method, path = call.split()
    request = make_mocked_request(method, path, {"Host": "speech.example", **headers})
    origins = Origins(["https://app.example"], PAGES)

    async def ok(_: web.Request) -> web.StreamResponse:
        return web.Response()

    try:
        assert (await origins(request, ok)).status == 200
        assert accepted
    except OriginNotAllowed:
        assert not accepted


def test_the_matrix_has_all_its_rows() -> None:
    assert len(MATRIX) == 17
    assert {accepted for *_, accepted in MATRIX} == {True, False}
