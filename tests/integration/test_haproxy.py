"""Behind a real haproxy with the configuration of deploy/routing: it takes over the weights of the agent check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.humming_provider import HummingProvider
from tests.load_balancers import Haproxy
from tests.loaded_provider import LoadedProvider
from tests.service_client import Client, Start

TEXT = "One two three four five six. Seven eight nine ten."


class Routed:
    """Two servers, their providers, and haproxy before them."""

    def __init__(self, servers: dict[str, Client], providers: dict[str, LoadedProvider], haproxy: Haproxy) -> None:
        self.servers, self.providers, self.haproxy = servers, providers, haproxy
        self.through = Client(servers["a"].service, servers["a"].session)
        self.through.url = haproxy.url

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until haproxy says so."""
        async with asyncio.timeout(60):
            while not condition():
                assert self.haproxy.running()
                await asyncio.sleep(0.05)

    async def hold(self, server: str) -> asyncio.Task[Any]:
        """A request to one server alone, which the provider holds."""
        provider = self.providers[server]
        provider.gate.clear()
        before = len(provider.listeners)
        task = asyncio.create_task(self.servers[server].tts({"text": TEXT}))
        async with asyncio.timeout(60):
            while len(provider.listeners) == before:
                await asyncio.sleep(0.01)
        return task

    def heard(self) -> dict[str, int]:
        """How many requests each server has had."""
        return {name: len(provider.listeners) for name, provider in self.providers.items()}

    async def spread(self, requests: int) -> dict[str, int]:
        """How many of so many requests through haproxy each server got; all are answered."""
        before = self.heard()
        for _ in range(requests):
            assert (await self.through.tts({"text": TEXT}))[0] == 200
        return {name: number - before[name] for name, number in self.heard().items()}


@pytest.fixture
async def routed(start: Start, tmp_path: Path) -> AsyncIterator[Routed]:
    servers, providers, ports, agents = {}, {}, [], []
    for name in "ab":
        providers[name] = LoadedProvider(rate=100.0)
        client = await start(providers[name], data_dir=tmp_path / name, agent_check_port=0)
        agent = client.service.agent_check_port
        assert agent is not None
        servers[name] = client
        ports.append(int(client.url.rpartition(":")[2]))
        agents.append(agent)
    haproxy = Haproxy(tmp_path, ports, agents)
    routed = Routed(servers, providers, haproxy)
    await routed.until(lambda: all(haproxy.servers()[name]["agent_status"] == "L7OK" for name in "ab"))
    yield routed
    haproxy.stop()


async def test_idle_servers_share_the_requests(routed: Routed) -> None:
    assert [routed.haproxy.weight(name) for name in "ab"] == [100, 100]
    assert await routed.spread(10) == {"a": 5, "b": 5}


async def test_a_loaded_server_loses_weight_and_gets_it_back(routed: Routed) -> None:
    routed.providers["a"].rate = 0.1  # the rest of the text would take half a minute
    routed.providers["a"].reset()
    task = await routed.hold("a")
    await routed.until(lambda: routed.haproxy.weight("a") == 1)
    assert routed.haproxy.status("a") == "UP"
    assert routed.haproxy.weight("b") == 100
    before = routed.heard()
    tasks = [task, *(asyncio.create_task(routed.through.tts({"text": TEXT})) for _ in range(10))]
    await routed.until(lambda: sum(routed.heard().values()) == sum(before.values()) + 10)
    assert routed.heard()["a"] <= before["a"] + 1
    routed.providers["a"].rate = 1000.0
    routed.providers["a"].gate.set()
    for each in tasks:
        assert (await each)[0] == 200
    await routed.until(lambda: routed.haproxy.weight("a") == 100)


async def test_a_server_that_stops_gets_no_requests_and_answers_its_own(routed: Routed) -> None:
    task = await routed.hold("a")
    stopping = asyncio.create_task(routed.servers["a"].service.stop())
    await routed.until(lambda: routed.haproxy.weight("a") == 0)
    assert not task.done()
    assert await routed.spread(6) == {"a": 0, "b": 6}
    routed.providers["a"].gate.set()
    assert (await task)[0] == 200
    await stopping
    await routed.until(lambda: routed.haproxy.status("a") == "DOWN")
    assert await routed.spread(2) == {"a": 0, "b": 2}


async def test_a_server_that_can_not_speak_is_down_until_it_can(routed: Routed) -> None:
    reports = routed.providers["a"].reports
    assert reports is not None
    reports.stopped()
    await routed.until(lambda: routed.haproxy.status("a") == "DOWN")
    assert await routed.spread(4) == {"a": 0, "b": 4}
    reports.resumed()
    await routed.until(lambda: routed.haproxy.status("a") == "UP" and routed.haproxy.weight("a") == 100)


async def test_the_agent_leaves_the_operators_maintenance_alone(routed: Routed) -> None:
    assert routed.haproxy.command("set server servers/a state maint") == ""
    assert await routed.spread(4) == {"a": 0, "b": 4}
    routed.providers["b"].reset()
    task = await routed.hold("b")
    await routed.until(lambda: routed.haproxy.weight("b") < 100)  # agents were asked again
    assert routed.haproxy.status("a") == "MAINT"
    routed.providers["b"].gate.set()
    assert (await task)[0] == 200
    assert routed.haproxy.command("set server servers/a state ready") == ""
    await routed.until(lambda: routed.haproxy.status("a") == "UP")


async def test_a_taken_port_of_the_agent_check_is_an_error_at_start(start: Start, tmp_path: Path) -> None:
    first = await start(HummingProvider(), data_dir=tmp_path / "a", agent_check_port=0)
    with pytest.raises(OSError, match="in use"):
        await start(HummingProvider(), data_dir=tmp_path / "b", agent_check_port=first.service.agent_check_port)
