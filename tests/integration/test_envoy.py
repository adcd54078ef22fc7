"""Behind a real Envoy with the configuration of deploy/routing: it weights the servers by their load reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from server.middleware.orca import FORMAT_HEADER, HEADER
from tests.envoy_router import Envoy
from tests.loaded_provider import LoadedProvider
from tests.service_client import Client, Start

TEXT = "One two three four five six. Seven eight nine ten."
BEHIND = {
    "load_reports": "requested",
    "trusted_proxies": "127.0.0.1",
    "allowed_hosts": "localhost",
    "requests_per_minute": 0,
}


class Behind:
    """Two servers, the first one slower, and Envoy before them."""

    def __init__(self, servers: list[Client], providers: list[LoadedProvider], envoy: Envoy) -> None:
        self.servers, self.providers, self.envoy = servers, providers, envoy
        self.through = Client(servers[0].service, servers[0].session)
        self.through.url = envoy.url

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                assert self.envoy.running(), self.envoy.log
                await asyncio.sleep(0.05)


@pytest.fixture
async def behind(start: Start, tmp_path: Path) -> AsyncIterator[Behind]:
    providers = [LoadedProvider(rate=rate) for rate in (20.0, 200.0)]
    servers = [
        await start(provider, data_dir=tmp_path / str(number), **BEHIND) for number, provider in enumerate(providers)
    ]
    envoy = Envoy(tmp_path, [int(server.url.rpartition(":")[2]) for server in servers])
    behind = Behind(servers, providers, envoy)
    await behind.until(envoy.listening)
    await behind.until(lambda: envoy.healthy() == [True, True])
    yield behind
    envoy.stop()


@pytest.mark.parametrize("stream", [False, True])
async def test_envoy_weights_servers_by_their_reports(behind: Behind, stream: bool) -> None:
    """The slower one is ten times as busy with each request."""
    async with asyncio.timeout(60):
        while True:
            answers = [behind.through.tts({"text": TEXT, "stream": stream}) for _ in range(2)]
            for status, headers, _ in await asyncio.gather(*answers):
                assert status == 200
                assert HEADER not in headers
            slow, fast = behind.envoy.weights()
            if fast >= 3 * slow:
                break
    assert "onOrcaLoadReport failed" not in behind.envoy.log


async def test_clients_can_not_ask_for_reports_through_envoy(behind: Behind) -> None:
    headers = {"TE": "trailers", FORMAT_HEADER: "JSON"}
    status, answer, _ = await behind.through.tts({"text": TEXT, "stream": True}, headers=headers)
    assert status == 200
    assert HEADER not in answer
    assert "Trailer" not in answer


async def test_a_server_that_sheds_load_is_left_out_but_never_all_of_them(behind: Behind) -> None:
    tasks = []
    for number, (server, provider) in enumerate(zip(behind.servers, behind.providers, strict=True)):
        provider.rate = 0.1
        provider.reset()
        provider.gate.clear()
        tasks.append(asyncio.create_task(server.tts({"text": TEXT})))
        await behind.until(lambda number=number: behind.envoy.healthy()[number] is False)  # type: ignore[misc]
    through = asyncio.create_task(behind.through.tts({"text": TEXT}))
    for provider in behind.providers:
        provider.rate = 1000.0
        provider.gate.set()
    for task in (through, *tasks):
        assert (await task)[0] == 200
    await behind.until(lambda: behind.envoy.healthy() == [True, True])
