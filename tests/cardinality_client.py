"""A client that tries to make metrics grow: no two of its requests have the same voice, path, method or headers."""

from __future__ import annotations

import asyncio
import random
import string
from collections.abc import Iterator
from typing import Any

import aiohttp

CONNECTIONS = 16


def send(url: str, times: int) -> set[int]:
    """Sends so many requests; the statuses that came back."""
    return asyncio.run(_send_all(url, requests(random.Random(times), times)))


def requests(rng: random.Random, times: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path, and the rest as aiohttp's client takes it; the four kinds in turn."""
    for number in range(times):
        word = "".join(rng.choices(string.ascii_letters, k=rng.randint(3, 40))) + str(number)
        hello = {"text": "Hello.", "voice_name": word, "language": word}
        headers = {f"X-{word}": word, "User-Agent": word, "X-Forwarded-For": word, "Host": f"{word}.example"}
        yield (
            ("POST", "/tts", {"json": hello}),
            ("GET", f"/{word}?{word}={word}", {}),
            (word.upper(), "/tts", {}),
            ("POST", "/tts", {"json": {"text": ""}, "headers": headers}),
        )[number % 4]


async def _send_all(url: str, waiting: Iterator[tuple[str, str, dict[str, Any]]]) -> set[int]:
    statuses: set[int] = set()
    async with aiohttp.ClientSession(url) as session, asyncio.TaskGroup() as clients:
        for _ in range(CONNECTIONS):
            clients.create_task(_send(session, waiting, statuses))
    return statuses


async def _send(
    session: aiohttp.ClientSession, waiting: Iterator[tuple[str, str, dict[str, Any]]], statuses: set[int]
) -> None:
    for method, path, rest in waiting:
        async with session.request(method, path, **rest) as response:
            await response.read()
            statuses.add(response.status)
