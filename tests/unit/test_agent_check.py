"""The port for haproxy's agent-check: one line a connection, whatever the client does."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from server.network import agent_check
from server.network.agent_check import AgentCheck
from tests.unit.test_server_load import House, Speaker

DEADLINE_SECONDS = 60


@pytest.fixture
async def house() -> House:
    return House()


@pytest.fixture
async def check(house: House) -> AsyncIterator[AgentCheck]:
    """A port that answers."""
    check = AgentCheck("127.0.0.1", 0, house.load, Speaker())  # type: ignore[arg-type]
    await check.listen()
    task = asyncio.create_task(check.run())
    yield check
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    check.close()


async def connect(check: AgentCheck) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    assert check.port is not None
    return await asyncio.open_connection("127.0.0.1", check.port)


async def ask(check: AgentCheck, sent: bytes = b"") -> bytes:
    """All that one connection gets."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        reader, writer = await connect(check)
        writer.write(sent)
        try:
            return await reader.read()
        finally:
            writer.close()


async def test_each_connection_gets_the_state_of_its_moment(house: House, check: AgentCheck) -> None:
    assert await ask(check) == b"up 100%\n"
    with house.waiting(agent_check.HALVING_SECONDS):
        assert await ask(check) == b"up 50%\n"
    house.admission.close()
    assert await ask(check) == b"up 0%\n"


async def test_clients_that_leave_or_read_nothing_keep_nobody_waiting(check: AgentCheck) -> None:
    silent = [await connect(check) for _ in range(20)]
    for _ in range(20):
        _, writer = await connect(check)
        writer.transport.abort()
    assert await ask(check) == b"up 100%\n"
    for reader, writer in silent:  # their answers have waited in the kernel
        assert await reader.read() == b"up 100%\n"
        writer.close()


async def test_what_a_client_sends_is_ignored(check: AgentCheck) -> None:
    """Only the bytes that arrive after the answer may reset the connection."""
    for _ in range(5):
        with suppress(ConnectionError):
            assert await ask(check, b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 1000) in (b"up 100%\n", b"")
    assert await ask(check) == b"up 100%\n"


async def test_a_flood_leaves_the_event_loop_to_others(check: AgentCheck) -> None:
    """However many connections there are at once, no turn of the loop answers more than one."""
    assert check.port is not None
    flood = [socket.socket() for _ in range(40)]
    for connection in flood:
        connection.setblocking(False)
        connection.connect_ex(("127.0.0.1", check.port))
    async with asyncio.timeout(DEADLINE_SECONDS):
        while flood:
            await asyncio.sleep(0)
            answered = [connection for connection in flood if received(connection)]
            assert len(answered) <= 1
            for connection in answered:
                flood.remove(connection)
                connection.close()
    assert await ask(check) == b"up 100%\n"


def received(connection: socket.socket) -> bool:
    """Whether the answer has arrived."""
    with suppress(BlockingIOError):
        assert connection.recv(100) == b"up 100%\n"
        return True
    return False


async def test_a_port_that_is_taken_is_an_error(house: House, check: AgentCheck) -> None:
    second = AgentCheck("127.0.0.1", check.port or 0, house.load, Speaker())  # type: ignore[arg-type]
    with pytest.raises(OSError, match="in use"):
        await second.listen()


async def test_without_a_port_nothing_runs(house: House) -> None:
    check = AgentCheck("127.0.0.1", 0, house.load, Speaker())  # type: ignore[arg-type]
    assert check.port is None
    with pytest.raises(RuntimeError):
        await check.run()
    check.close()
