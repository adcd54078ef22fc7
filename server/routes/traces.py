"""GET /traces, the last and slowest traces in memory, and GET /traces/{id}, one by trace or request id."""

from __future__ import annotations

from aiohttp import web

from otel.sdk.trace_memory import LAST, SLOWEST, TraceMemory
from server.access.caller import Scope
from server.errors import UnknownTrace
from server.routes.operations import identifier, reads
from server.routes.route import Route
from server.routes.schemas import NUMBER, TEXT, each, maybe, several

_SUMMARY = each(
    trace_id=TEXT,
    request_id=maybe("string"),
    endpoint=maybe("string"),
    voice_name=maybe("string"),
    word_count_range=maybe("string"),
    duration_seconds=NUMBER,
    outcome=maybe("string"),
    error_type=maybe("string"),
    started_at=NUMBER,
)
_TRACES = each(last=several(_SUMMARY), slowest=several(_SUMMARY))
_TRACE = each(trace_id=TEXT, spans=several(each(span_id=TEXT, parent_span_id=maybe("string"), name=TEXT, kind=TEXT)))


class TraceRoutes:
    """The routes that return the traces in the server's memory."""

    def __init__(self, traces: TraceMemory) -> None:
        self._traces = traces

    def routes(self) -> tuple[Route, ...]:
        by_id = identifier("The X-Trace-ID or the X-Request-ID of an answer.")
        return (
            Route("GET", "/traces", self.list, Scope.OBSERVE, reads("The last and the slowest kept traces.", _TRACES)),
            Route(
                "GET",
                "/traces/{id}",
                self.show,
                Scope.OBSERVE,
                reads("One kept trace with all its spans.", _TRACE, by_id),
            ),
        )

    async def list(self, request: web.Request) -> web.Response:
        return web.json_response({"last": self._traces.last(), "slowest": self._traces.slowest()})

    async def show(self, request: web.Request) -> web.Response:
        trace = self._traces.find(request.match_info["id"].lower())
        if trace is None:
            raise UnknownTrace(
                "this trace is not in memory: of errors, slow requests and a few others per second, the server keeps "
                f"the last {LAST} and the slowest {SLOWEST}"
            )
        return web.json_response(trace)
