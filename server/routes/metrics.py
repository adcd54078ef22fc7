"""GET /metrics, the summary as JSON, and GET /prometheus, everything as Prometheus text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp import hdrs, web

from otel.exposition import Exposition
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
    """The handler of GET /prometheus, on both ports."""

    def __init__(self, exposition: Exposition | None) -> None:
        self._exposition = exposition

    async def __call__(self, request: web.Request) -> web.Response:
        if self._exposition is None:
            raise MetricsDisabled(DISABLED)
        accept = request.headers.get(hdrs.ACCEPT, "")
        body, content_type = await asyncio.to_thread(self._exposition.render, accept)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})
