"""A server and the process of its engine: neither lives on without the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import psutil
import pytest

from tests.fakes import HummingProvider
from tests.live import LiveServer
from tests.service import Start, samples


def engine_of(server: LiveServer) -> psutil.Process:
    [engine] = [each for each in psutil.Process(server.process.pid).children() if "server.engine" in each.cmdline()]
    return engine


def maps(pid: int) -> str:
    return Path(f"/proc/{pid}/maps").read_text()


def test_a_server_that_loses_its_engine_ends_for_its_supervisor(data_dir: Path) -> None:
    with LiveServer(data_dir) as server:
        server.wait_until_ready()
        engine = engine_of(server)
        assert "libtorch" not in maps(server.process.pid)
        assert "libtorch" in maps(engine.pid)
        engine.kill()
        assert server.wait() == 70


def test_an_engine_ends_with_its_server_however_that_ends(data_dir: Path) -> None:
    with LiveServer(data_dir) as server:
        server.wait_until_ready()
        engine = engine_of(server)
        server.process.kill()
        engine.wait(60)
        with pytest.raises(psutil.NoSuchProcess):
            engine.status()


async def test_a_lost_server_waits_for_no_reader(start: Start) -> None:
    provider = HummingProvider()
    provider.gate.clear()
    client = await start(provider, drain_seconds=600.0)
    request = asyncio.create_task(client.tts({"text": "Hello."}))
    async with asyncio.timeout(60):
        while samples(await client.prometheus(), "tts_requests_in_flight") != [1]:
            await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        await client.service.stop(lost=True)
    await asyncio.gather(request, return_exceptions=True)
