"""GET /traces, the last and slowest kept traces, and GET /traces/{id}, one of them whole, by trace or request."""

from __future__ import annotations

from aiohttp import web

from otel.sdk.trace_memory import LAST, SLOWEST, TraceMemory
from server.errors import UnknownTrace

LIST_PATH = "/traces"
TRACE_PATH = "/traces/{id}"


class TracesRoute:
    """The handlers of both calls."""

    def __init__(self, traces: TraceMemory) -> None:
        self._traces = traces

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"last": self._traces.last(), "slowest": self._traces.slowest()})

    async def show(self, request: web.Request) -> web.Response:
        trace = self._traces.find(request.match_info["id"].lower())
        if trace is None:
            raise UnknownTrace(
                f"this trace is not held: errors, slow requests and a few of every second are kept, "
                f"the last {LAST} and the slowest {SLOWEST} of them in memory"
            )
        return web.json_response(trace)
