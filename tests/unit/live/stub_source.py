"""An HTTP server that plays a source of the dashboard, and clients of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from dashboards.live.period import Window
from dashboards.live.sources.client import Source
from dashboards.live.sources.traces import Traces

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WINDOW = Window(1_800_000_000, 1_800_000_030, 10)
HANG_SECONDS = 3600.0


class StubSource:
    """A server in a thread of its own that answers every path by ``handler``; ``requests`` records the requests."""

    def __init__(self) -> None:
        self.handler: Handler = json_answer({})
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.url = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self) -> str:
        application = web.Application()
        application.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        return f"http://127.0.0.1:{port}"

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.requests.append((request.path, dict(request.query)))
        return await self.handler(request)


def json_answer(body: Any, status: int = 200) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(body, status=status)

    return handler


async def hanging(request: web.Request) -> web.Response:
    await asyncio.sleep(HANG_SECONDS)
    return web.Response()


async def html_page(request: web.Request) -> web.Response:
    return web.Response(text="<html>It works!</html>")


async def dropped_connection(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def source(url: str, name: str = "Prometheus", timeout: float = 5.0) -> Source:
    return Source(name, url, timeout, cache_seconds=60)


def traces(tempo: str = "", jaeger: str = "") -> Traces:
    return Traces.from_urls(tempo, jaeger, lambda name, url: source(url, name))


def rows(*results: tuple[dict[str, str], Any], kind: str = "matrix") -> dict[str, Any]:
    key = "values" if kind == "matrix" else "value"
    return {"data": {"resultType": kind, "result": [{"metric": labels, key: values} for labels, values in results]}}


def exemplar(trace_id: str, value: str = "0.5") -> dict[str, Any]:
    return {"labels": {"trace_id": trace_id, "span_id": "b" * 16}, "value": value, "timestamp": WINDOW.start + 1.5}
