"""GET /metrics, the summary as JSON, and GET /prometheus, all metrics in the formats that Prometheus reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp import hdrs, web

from otel.sdk.exposition import Exposition, content_type
from server.access.caller import Scope
from server.errors import MetricsDisabled
from server.routes.operations import reads, reads_text
from server.routes.route import Route
from server.routes.schemas import NUMBER, TEXT, WHOLE, Schema, each, maybe, several

_DURATIONS: Schema = {
    "type": "object",
    "additionalProperties": each(
        count=WHOLE,
        avg=maybe("number"),
        min=maybe("number"),
        max=maybe("number"),
        p95=maybe("number"),
        p99=maybe("number"),
    ),
}
_SUMMARY = each(
    total_requests=WHOLE,
    successful_requests=WHOLE,
    failed_requests=WHOLE,
    rejected_requests=WHOLE,
    cancelled_requests=WHOLE,
    requests_in_flight=WHOLE,
    requests_per_minute=NUMBER,
    average_duration_seconds=maybe("number"),
    active_voices=WHOLE,
    model_load_time_seconds={"type": "object", "additionalProperties": NUMBER},
    last_request_at=maybe("string"),
    uptime_seconds=NUMBER,
    top_voices=several(each(voice_name=TEXT, requests=WHOLE)),
    top_languages=several(each(language=TEXT, requests=WHOLE)),
    errors_by_type={"type": "object", "additionalProperties": WHOLE},
    cancellations_by_reason={"type": "object", "additionalProperties": WHOLE},
    by_word_count_range=_DURATIONS,
    by_character_count_range=_DURATIONS,
    cache={"type": "object"},
    providers={"type": "object"},
    degraded=several({"type": "object"}),
    prediction={"type": "object"},
)

DISABLED = "metrics are switched off (METRICS_ENABLED=false or OTEL_SDK_DISABLED=true)"


class SummaryRoute:
    """The route that responds with the summary."""

    def __init__(self, describe: Callable[[], dict[str, Any]] | None) -> None:
        """``describe`` returns the response body; None if metrics are disabled."""
        self._describe = describe

    def routes(self) -> tuple[Route, ...]:
        summary = reads(
            "Totals, rates and durations by word and character range; p95 and p99 are at most 1 % off.", _SUMMARY
        )
        return (Route("GET", "/metrics", self, Scope.OBSERVE, summary),)

    async def __call__(self, request: web.Request) -> web.Response:
        if self._describe is None:
            raise MetricsDisabled(DISABLED)
        return web.json_response(self._describe())


class PrometheusRoute:
    """The route that responds with all metrics; both ports use one instance, to share renderings.

    A dedicated thread renders one exposition at a time. Scrapes that arrive meanwhile share the next rendering of their
    content type, so each response includes everything that happened before its request.
    """

    def __init__(self, exposition: Exposition | None) -> None:
        self._exposition = exposition
        self._thread = ThreadPoolExecutor(1, "prometheus")
        self._rendering = asyncio.Lock()
        self._waiting: dict[str, asyncio.Task[bytes]] = {}
        """The next rendering, not yet started, by content type."""

    def routes(self, *paths: str) -> tuple[Route, ...]:
        """Returns the route at /prometheus, or the same route at each of ``paths``."""
        text = reads_text(
            "Every metric as Prometheus text; when Accept asks for it as OpenMetrics with exemplars, or as Prometheus' "
            "protobuf with exemplars and native histograms.",
            "text/plain",
            "application/openmetrics-text",
            "application/vnd.google.protobuf",
        )
        return tuple(Route("GET", path, self, Scope.OBSERVE, text) for path in paths or ("/prometheus",))

    async def __call__(self, request: web.Request) -> web.Response:
        if self._exposition is None:
            raise MetricsDisabled(DISABLED)
        kind = content_type(request.headers.get(hdrs.ACCEPT, ""))
        if kind not in self._waiting:
            self._waiting[kind] = asyncio.create_task(self._render(self._exposition, kind))
        body = await asyncio.shield(self._waiting[kind])  # a client that disconnects must not cancel it for others
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: kind})

    async def _render(self, exposition: Exposition, kind: str) -> bytes:
        async with self._rendering:
            del self._waiting[kind]  # later scrapes must wait for the next rendering
            return await asyncio.get_running_loop().run_in_executor(self._thread, exposition.render, kind)
