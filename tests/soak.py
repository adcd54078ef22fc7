"""Mixed traffic on a real server for a while, and what the server holds meanwhile: memory, handles, threads, series."""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import psutil

from bench.clients.passage import cut, passage
from server.audio.formats import FORMATS
from tests.server_process import LiveServer

CLIENTS = 4
LOOK_SECONDS = 1.0
ANSWER_SECONDS = 170.0
"""Longer than the server gives itself: an answer that takes as long is a hang."""
SETTINGS = {"TTSCOPE_CACHE_BYTES": "1000000"}
"""The cache is full, and so as large as it will be, after a few clips."""
REFUSED: tuple[dict[str, Any], ...] = (
    {"json": {"text": ""}},
    {"json": {"text": "Hello.", "voice_name": "nobody"}},
    {"json": {"text": "a" * 6_000}},
    {"data": b"{", "headers": {"Content-Type": "application/json"}},
    {"data": b"text=Hello"},
    {"json": {"text": "\u0007"}},
    {"json": {"text": "<speak><audio/></speak>", "input_type": "ssml"}},
    {"json": {"text": "Hello.", "speed": 99}},
)
"""To POST /tts."""
LOOKED_AT = (
    "/health",
    "/ready",
    "/metrics",
    "/traces",
    "/v1/audio/voices",
    "/docs",
    "/openapi.json",
    "/prometheus",
    "/no",
)


Act = Callable[[aiohttp.ClientSession, random.Random, "Soak"], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Look:
    """What the server and its processes hold at a moment."""

    memory: int
    """Bytes that are theirs alone."""
    handles: int
    threads: int
    series: int
    """Lines of samples in Prometheus text."""


@dataclass(slots=True)
class Soak:
    """What came of a soak."""

    looks: list[Look] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    """Seconds of each request that was answered with speech made for it, in the order of their ends."""
    statuses: Counter[int] = field(default_factory=Counter)

    def grown(self, value: Callable[[Look], int]) -> tuple[float, float]:
        """The median of the second third, after the warm-up, and of the last one."""
        return thirds([value(look) for look in self.looks])

    def hold(self) -> None:
        """Fails when anything that should be flat has grown; a tenth and a little are left to chance."""
        for name, room in (("memory", 30_000_000), ("handles", 12), ("threads", 6), ("series", 20)):
            middle, last = self.grown(lambda look, name=name: getattr(look, name))  # type: ignore[misc]
            assert last <= middle * 1.1 + room, f"{name} grew from {middle:.0f} to {last:.0f}"
        assert not [status for status in self.statuses if status >= 500], self.statuses
        assert self.statuses[200] > 0
        assert self.statuses[422] > 0

    def __str__(self) -> str:
        parts = [f"{sum(self.statuses.values())} requests, {dict(sorted(self.statuses.items()))}"]
        for name in ("memory", "handles", "threads", "series"):
            middle, last = self.grown(lambda look, name=name: getattr(look, name))  # type: ignore[misc]
            parts.append(f"{name} {middle:,.0f} and {last:,.0f}")
        if len(self.latencies) >= 3:
            parts.append("seconds of a request {:.2f} and {:.2f}".format(*thirds(self.latencies)))
        return "; ".join(parts)


def thirds(values: Sequence[float]) -> tuple[float, float]:
    """The medians of the second third and of the last."""
    third = len(values) // 3
    return statistics.median(values[third : 2 * third]), statistics.median(values[2 * third :])


async def soak(server: LiveServer, seconds: float, seed: str = "1") -> Soak:
    """Sends a request of every kind, then requests of all kinds for so many seconds, with a look every second."""
    soaked = Soak()
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(server.url, timeout=timeout) as session:
        await _share(session, soaked, random.Random(seed), iter(EACH_ONCE))
        soaked.latencies.clear()
        until = time.monotonic() + seconds
        watching = asyncio.create_task(_watch(session, server, until, soaked))
        await _share(session, soaked, random.Random(seed), _until(until, random.Random(seed)))
        await watching
    return soaked


async def _share(session: aiohttp.ClientSession, soaked: Soak, rng: random.Random, acts: Iterator[Act]) -> None:
    """Has so many clients do all of it, each the next that nobody has begun."""

    async def client() -> None:
        for act in acts:
            await act(session, rng, soaked)

    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(client())


def _until(end: float, rng: random.Random) -> Iterator[Act]:
    while time.monotonic() < end:
        yield rng.choice(ACTS)


async def _watch(session: aiohttp.ClientSession, server: LiveServer, until: float, soaked: Soak) -> None:
    while time.monotonic() < until:
        async with session.get("/prometheus") as response:
            lines = (await response.text()).splitlines()
        memory, handles, threads = await asyncio.to_thread(_weigh, server.process.pid)
        soaked.looks.append(Look(memory, handles, threads, sum(not line.startswith("#") for line in lines)))
        await asyncio.sleep(LOOK_SECONDS)


def _weigh(pid: int) -> tuple[int, int, int]:
    """Memory that is not shared, file handles and threads of a process and its children."""
    totals = [0, 0, 0]
    root = psutil.Process(pid)
    for process in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            mine = (process.memory_full_info().uss, process.num_fds(), process.num_threads())
            totals = [total + value for total, value in zip(totals, mine, strict=True)]
    return totals[0], totals[1], totals[2]


def _text(rng: random.Random) -> str:
    return cut(rng.randrange(len(passage())), rng.randint(2, 5))


async def _post(session: aiohttp.ClientSession, soaked: Soak, path: str, **request: Any) -> None:
    async with session.post(path, **request) as response:
        await response.read()
        soaked.statuses[response.status] += 1


async def _speak(
    session: aiohttp.ClientSession, rng: random.Random, soaked: Soak, how: str = "", audio_format: str = ""
) -> None:
    """One of HOW, in any format."""
    text, how = _text(rng), how or rng.choice(HOW)
    wish: dict[str, Any] = {"text": text, "cache": rng.random() < 0.5}
    wish["response_format"] = audio_format or rng.choice(list(FORMATS))
    match how:
        case "stream":
            wish["stream"] = True
        case "markup":
            wish |= {"text": f"<speak><p>{text}</p><break time='100ms'/></speak>", "input_type": "ssml"}
        case "timestamps":
            wish["timestamps"] = True
        case "loudness":
            wish["loudness"] = -16
    begun = time.monotonic()
    await _post(session, soaked, "/tts", json=wish)
    soaked.latencies.append(time.monotonic() - begun)


async def _again(session: aiohttp.ClientSession, rng: random.Random, soaked: Soak) -> None:
    """A text that the cache has, unless others have just pushed it out."""
    await _post(session, soaked, "/tts", json={"text": f"Hello, number {rng.randrange(3)}."})


async def _form(session: aiohttp.ClientSession, rng: random.Random, soaked: Soak) -> None:
    await _post(session, soaked, "/api/tts", data={"text": _text(rng)})


async def _refused(
    session: aiohttp.ClientSession, rng: random.Random, soaked: Soak, request: dict[str, Any] | None = None
) -> None:
    await _post(session, soaked, "/tts", **(request or rng.choice(REFUSED)))


async def _look(session: aiohttp.ClientSession, rng: random.Random, soaked: Soak, path: str = "") -> None:
    async with session.get(path or rng.choice(LOOKED_AT)) as response:
        await response.read()
        soaked.statuses[response.status] += 1


async def _vanish(session: aiohttp.ClientSession, rng: random.Random, soaked: Soak) -> None:
    """Hangs up before the answer has come, or in the middle of it."""
    body = json.dumps({"text": f"{_text(rng)} {_text(rng)}", "stream": True, "cache": False}).encode()
    url = urlsplit(str(session._base_url))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"POST /tts HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
    await writer.drain()
    if rng.random() < 0.5:
        async with asyncio.timeout(ANSWER_SECONDS):
            await reader.read(2_000)
    writer.transport.abort()


HOW = ("whole", "stream", "stream", "markup", "timestamps", "loudness")
ACTS: tuple[Act, ...] = (_speak, _speak, _speak, _again, _refused, _look, _vanish, _form)
EACH_ONCE: tuple[Act, ...] = (
    *(partial(_speak, how=how, audio_format=name) for how in dict.fromkeys(HOW) for name in FORMATS),
    *(partial(_refused, request=request) for request in REFUSED),
    *(partial(_look, path=path) for path in LOOKED_AT),
    *(_again, _form, _vanish) * 4,
)
"""So that every series that there will be is there."""
