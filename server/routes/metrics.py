"""GET /metrics, the summary as JSON, and GET /prometheus, everything as Prometheus text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import hdrs, web

from otel.sdk.exposition import Exposition, content_type
from server.errors import MetricsDisabled

SUMMARY_PATH = "/metrics"
PROMETHEUS_PATH = "/prometheus"
DISABLED = "metrics are switched off (METRICS_ENABLED=false or OTEL_SDK_DISABLED=true)"


class SummaryRoute:
    """The handler of GET /metrics."""

    def __init__(self, describe: Callable[[], dict[str, Any]] | None) -> None:
        """``describe`` gives the answer's body; None when metrics are switched off."""
        self._describe = describe

    async def __call__(self, request: web.Request) -> web.Response:
        if self._describe is None:
            raise MetricsDisabled(DISABLED)
        return web.json_response(self._describe())


class PrometheusRoute:
    """The handler of GET /prometheus, on both ports: one instance, so that they share renderings.

    One rendering is made at a time, in a thread of its own. Scrapes that come meanwhile wait for the next one of their
    content type and share it, so each shows all that happened before it was asked for.
    """

    def __init__(self, exposition: Exposition | None) -> None:
        self._exposition = exposition
        self._thread = ThreadPoolExecutor(1, "prometheus")
        self._rendering = asyncio.Lock()
        self._waiting: dict[str, asyncio.Task[bytes]] = {}
        """By content type, the rendering that has not begun."""

    async def __call__(self, request: web.Request) -> web.Response:
        if self._exposition is None:
            raise MetricsDisabled(DISABLED)
        kind = content_type(request.headers.get(hdrs.ACCEPT, ""))
        if kind not in self._waiting:
            self._waiting[kind] = asyncio.create_task(self._render(self._exposition, kind))
        body = await asyncio.shield(self._waiting[kind])  # a client that leaves takes it from nobody else
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: kind})

    async def _render(self, exposition: Exposition, kind: str) -> bytes:
        async with self._rendering:
            del self._waiting[kind]  # whoever asks from now on is too late for this one
            return await asyncio.get_running_loop().run_in_executor(self._thread, exposition.render, kind)
