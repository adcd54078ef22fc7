"""Three servers as processes of their own that share a folder and Redis, and the traffic of clients behind a proxy."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.server_process import LiveServer

NAMES = ("a", "b", "c")
PROXIES = "127.0.0.0/8"
SHUTDOWN_DELAY_SECONDS = "2"
CLIENTS = 8
TEXT = "Your order was sent today. " * 8


def lasting_ports(count: int) -> list[int]:
    """Free ports that the system gives to no connection, so that a server finds its own one free when it comes back."""
    first_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    free: list[int] = []
    for port in random.sample(range(10_000, first_given), first_given - 10_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            free.append(port)
        if len(free) == count:
            return free
    raise AssertionError("no port is free")


class Replicas:
    """Three servers on ports of their own, so that each comes back where it was."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self._folder = folder
        self.store = folder / "store"
        self.store.mkdir(parents=True)
        self.ports = lasting_ports(len(NAMES))
        self._environment = {
            "TTSCOPE_SHARED_STORE": str(self.store),
            "TTSCOPE_SHUTDOWN_DELAY_SECONDS": SHUTDOWN_DELAY_SECONDS,
            "TTSCOPE_TRUSTED_PROXIES": PROXIES,
            **environment,
        }
        self.servers: list[LiveServer] = []
        try:
            for number in range(len(NAMES)):
                self.servers.append(self._start(number))
            for server in self.servers:
                server.wait_until_ready()
        except BaseException:
            self.close()
            raise

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    def data_dir(self, number: int) -> Path:
        return self._folder / NAMES[number]

    def restart(self, number: int) -> int:
        """Stops a server as an orchestrator does, and starts it again; returns its exit code."""
        code = self.servers[number].stop()
        self.start(number)
        return code

    def start(self, number: int) -> None:
        self.servers[number] = self._start(number)
        self.servers[number].wait_until_ready()

    def kill(self, number: int) -> None:
        """Returns when the kernel has ended the process, and its connections with it."""
        self.servers[number].process.kill()
        self.servers[number].process.wait(timeout=60)

    def close(self) -> None:
        for number in range(len(self.servers)):
            self.kill(number)

    def _start(self, number: int) -> LiveServer:
        port = {"TTSCOPE_PORT": str(self.ports[number])}
        return LiveServer(self.data_dir(number), "tests.humming_server", **port, **self._environment)


@dataclass
class Failure:
    """A request that did not get all of its audio."""

    began: float
    what: str


@dataclass
class Traffic:
    """What clients have seen so far."""

    answered: int = 0
    failures: list[Failure] = field(default_factory=list)

    async def until(self, answers: int) -> None:
        """Waits until so many more requests are answered."""
        goal = self.answered + answers
        async with asyncio.timeout(60):
            while self.answered < goal:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def traffic(
    urls: Sequence[str], headers: dict[str, str] | None = None, *, count: int = CLIENTS
) -> AsyncIterator[Traffic]:
    """``count`` clients that send one request after the other, streamed and whole, and keep their connections; each to
    one of ``urls``."""
    seen = Traffic()
    stopped = asyncio.Event()

    async def client(session: aiohttp.ClientSession, number: int) -> None:
        sent = 0
        while not stopped.is_set():
            sent += 1
            body = {"text": f"{number} {sent} {TEXT}", "stream": bool(sent % 2), "cache": False}
            began = time.monotonic()
            problem = await _problem(session, urls[number % len(urls)], body)
            if problem:
                seen.failures.append(Failure(began, problem))
                await asyncio.sleep(0.05)
            else:
                seen.answered += 1

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        clients = [asyncio.create_task(client(session, number)) for number in range(count)]
        try:
            yield seen
        finally:
            stopped.set()
            await asyncio.wait(clients, timeout=60)


async def _problem(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> str:
    """Sends a request; returns what is wrong with its answer, if anything."""
    try:
        async with asyncio.timeout(60), session.post(f"{url}/tts", json=body) as response:
            audio = await response.read()
            if response.status != 200:
                return f"{response.status}: {audio[:200]!r}"
            return "" if len(audio) > 80_000 else f"only {len(audio)} bytes"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
