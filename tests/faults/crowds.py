"""Faults of clients: many that read slowly, many that say nothing, some that vanish."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import urlsplit

from server.network.connections import raise_handle_limit
from tests.faults.fault import Mended, fault
from tests.faults.load import CLIENTS
from tests.faults.trial import Trial
from tests.faults.workers import LONG
from tests.slow_readers import SlowReader, admitted

SLOW_READERS, AT_ONCE = 256, 8
CONNECTIONS = 5_000
HANDLES = 1_000
"""Of this program's own, beside its connections."""
VANISHING = 16
READ_TEXT = "word " * 42
"""13 s of audio: more than the kernel keeps for a connection. All ask for the same, and the cache has it."""


async def read_slowly(url: str) -> list[SlowReader]:
    """So many readers that were let in and read nothing."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def admit() -> SlowReader:
        async with gate:
            return await admitted(url, text=READ_TEXT)

    return await asyncio.gather(*(admit() for _ in range(SLOW_READERS)))


def in_flight(trial: Trial) -> float:
    return trial.site.exposed("tts_requests_in_flight")


@fault("256 clients that do not read their answers", "a 257th is served; nothing is lost", place="server")
def slow_readers(trial: Trial) -> Iterator[Mended]:
    assert trial.ask({"text": READ_TEXT}) == 200
    with asyncio.Runner() as runner:
        readers = runner.run(read_slowly(trial.site.url))
        trial.others += SLOW_READERS
        trial.mark()
        unsent = trial.site.exposed("tts_unsent_bytes")
        trial.note(f"{in_flight(trial):.0f} requests in flight, {unsent / 2**20:.0f} MB wait to be sent")
        trial.until_spoken()
        try:
            yield trial.site.ready
        finally:
            for reader in readers:
                reader.leave()
    trial.until(lambda: in_flight(trial) <= CLIENTS, "the end of those that left")


@fault(
    "5,000 idle connections",
    "others are served: the oldest idle connections are closed for them; nothing is lost",
    place="server",
)
def idle_connections(trial: Trial) -> Iterator[Mended]:
    raise_handle_limit()
    number = min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - HANDLES)
    address = urlsplit(trial.site.url)
    opened: list[socket.socket] = []
    try:
        while len(opened) < number:
            opened.append(socket.create_connection((address.hostname or "", address.port or 0), timeout=60))
        trial.mark()
        displaced = trial.site.exposed("tts_connections_ended_early_total", reason="displaced")
        trial.note(f"{number:,} were opened, {displaced:,.0f} of them gave way")
        trial.until_spoken()
        yield trial.site.ready
    finally:
        for connection in opened:
            connection.close()


@fault(f"{VANISHING} clients vanish in mid-stream", "the work for them ends; nothing is lost", place="server")
def clients_vanish(trial: Trial) -> Iterator[Mended]:
    async def vanish() -> None:
        readers = [await SlowReader.connect(trial.site.url) for _ in range(VANISHING)]
        statuses = await asyncio.gather(*(reader.ask(text=LONG, stream=True) for reader in readers))
        trial.note(f"statuses: {', '.join(f'{statuses.count(s)} times {s}' for s in sorted(set(statuses)))}")
        trial.mark()
        for reader in readers:
            reader.leave()

    asyncio.run(vanish())
    trial.others += VANISHING
    yield lambda: in_flight(trial) <= CLIENTS
    with suppress(ZeroDivisionError):
        trial.note(f"their places were free after {time.monotonic() - trial.marked:.1f} s")
