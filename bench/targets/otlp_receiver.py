"""Keeps what a server exports by OTLP over HTTP, as it comes in."""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MAX_BYTES = 64 * 2**20
TRACES, METRICS, LOGS = "/v1/traces", "/v1/metrics", "/v1/logs"


@dataclass(slots=True)
class Exports:
    """What was exported: the bodies by path, without compression."""

    url: str
    bodies: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))

    def bytes_of(self, path: str) -> int:
        """Returns the bytes of one signal."""
        return sum(map(len, self.bodies[path]))

    @property
    def spans(self) -> int:
        """The number of spans."""
        exports = map(ExportTraceServiceRequest.FromString, self.bodies[TRACES])
        return sum(len(scope.spans) for each in exports for part in each.resource_spans for scope in part.scope_spans)


def points_in(body: bytes) -> int:
    """Returns the number of data points in an export of metrics."""
    export = ExportMetricsServiceRequest.FromString(body)
    metrics = [
        metric for part in export.resource_metrics for scope in part.scope_metrics for metric in scope.metrics
    ]  # fmt: skip
    return sum(len(getattr(metric, str(metric.WhichOneof("data"))).data_points) for metric in metrics)


@asynccontextmanager
async def receiving() -> AsyncIterator[Exports]:
    """Listens on a free port of the loopback."""
    application = web.Application(client_max_size=MAX_BYTES)
    runner = web.AppRunner(application)

    async def keep(request: web.Request) -> web.Response:
        body = await request.read()
        exports.bodies[request.path].append(
            gzip.decompress(body)
            if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b"
            else body
        )
        return web.Response(content_type="application/x-protobuf")

    application.router.add_post("/v1/{signal}", keep)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    exports = Exports(f"http://127.0.0.1:{runner.addresses[0][1]}")
    try:
        yield exports
    finally:
        await runner.cleanup()
