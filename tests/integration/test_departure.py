"""A server that is told to stop, as a load balancer and its clients see it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import aiohttp
import pytest

from server.network import ports
from tests.humming_provider import HummingProvider
from tests.raw_client import speech
from tests.service_client import Client, Start

TEXT = "Hello there."


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


async def ready(client: Client) -> int:
    async with client.session.get(f"{client.url}/ready") as response:
        return response.status


@pytest.mark.parametrize("stream", [False, True])
async def test_it_answers_until_the_delay_is_over_and_closes_connections(start: Start, stream: bool) -> None:
    client = await start(shutdown_delay_seconds=600.0)
    service = client.service
    _, before, _ = await client.tts({"text": TEXT, "stream": stream})
    assert "Connection" not in before
    stopping = asyncio.create_task(service.stop())
    await until(lambda: service._admission.leaving)
    status, headers, audio = await client.tts({"text": TEXT, "stream": stream})
    assert (status, headers["Connection"], audio[:4]) == (200, "close", b"RIFF")
    assert await ready(client) == 503
    async with client.session.get(f"{client.url}/health") as response:
        assert (response.status, response.headers["Connection"]) == (200, "close")
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    service._settings = service._settings.model_copy(update={"shutdown_delay_seconds": 0.0})


async def test_what_was_begun_is_answered_and_new_connections_are_refused(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "QUIET_SECONDS", 0.05)
    provider = HummingProvider()
    client = await start(provider, shutdown_delay_seconds=0.01)
    service = client.service
    provider.gate.clear()
    begun = asyncio.create_task(client.tts({"text": TEXT}))
    await until(lambda: service._admission.making == 1)
    stopping = asyncio.create_task(service.stop())

    async def refused() -> bool:
        try:
            async with aiohttp.ClientSession() as other, other.get(f"{client.url}/ready") as response:
                assert response.status == 503
        except aiohttp.ClientConnectionError:
            return True
        return False

    async with asyncio.timeout(60):
        while not await refused():
            await asyncio.sleep(0.01)
    assert not stopping.done()
    provider.gate.set()
    status, headers, audio = await begun
    assert (status, headers["Connection"], audio[:4]) == (200, "close", b"RIFF")
    await stopping


async def test_connections_that_wait_to_be_accepted_are_served(start: Start) -> None:
    """The kernel has accepted them, and their clients have sent requests."""
    client = await start()
    address = client.url.removeprefix("http://").partition(":")
    waiting = [socket.create_connection((address[0], int(address[2]))) for _ in range(5)]
    for connection in waiting:
        connection.sendall(speech(TEXT))
        connection.setblocking(False)
    client.service._api.close()  # in the same turn of the event loop: it has accepted none of them
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60):
        for connection in waiting:
            assert (await loop.sock_recv(connection, 15)).startswith(b"HTTP/1.1 200 OK")
            connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address[0], int(address[2])))


async def test_a_port_has_drained_once_no_request_has_come_for_a_while(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "QUIET_SECONDS", 0.1)
    provider = HummingProvider()
    client = await start(provider)
    provider.gate.clear()
    begun = asyncio.create_task(client.tts({"text": TEXT}))
    await until(lambda: client.service._connections.busy == 1)
    drained = asyncio.create_task(client.service._api.drained())
    await asyncio.wait([drained], timeout=0.3)
    assert not drained.done()
    provider.gate.set()
    assert (await begun)[0] == 200
    async with asyncio.timeout(60):
        await drained
