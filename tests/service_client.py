"""A running service over real HTTP, and a client of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp

from server.app import Service

Start = Callable[..., Awaitable["Client"]]


class Client:
    """A client of one running service."""

    def __init__(self, service: Service, session: aiohttp.ClientSession) -> None:
        self.service, self.session = service, session
        self.url = service.url

    async def tts(self, body: Any = None, **request: Any) -> tuple[int, aiohttp.typedefs.LooseHeaders, bytes]:
        if body is not None:
            request["json"] = body
        async with self.session.post(f"{self.url}/tts", **request) as response:
            return response.status, response.headers, await response.read()

    async def refused(self, body: Any = None, **request: Any) -> tuple[int, str, str | None]:
        status, headers, answer = await self.tts(body, **request)
        error = json.loads(answer)["error"]
        assert error["message"]
        assert headers["X-Request-ID"]
        assert len(headers["X-Trace-ID"]) == 32
        return status, error["code"], error["param"]

    async def json(self, path: str) -> Any:
        async with self.session.get(self.url + path) as response:
            return await response.json()

    async def prometheus(self, accept: str = "") -> str:
        async with self.session.get(f"{self.url}/prometheus", headers={"Accept": accept}) as response:
            return await response.text()

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The summary once it fulfils ``condition``."""
        async with asyncio.timeout(60):
            while not condition(summary := await self.json("/metrics")):
                await asyncio.sleep(0.01)
        return summary


def samples(text: str, name: str, **labels: str) -> list[float]:
    """The values of the series of ``name`` that have ``labels``."""
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = [line.split(" # ")[0] for line in text.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return [float(line.rsplit(" ", 1)[1]) for line in lines if all(label in line for label in wanted)]
