"""A client of the ttscope server: its summary at /metrics, its readiness, and the traces in its memory."""

from __future__ import annotations

import re
from typing import Any

from dashboards.live.sources.client import Source, SourceRefused
from dashboards.live.sources.spans import from_server
from otel.trace_store.store import StoredSpan, TraceSummary

NAME = "The server"
IDENTIFIER = re.compile(r"[0-9a-fA-F-]{1,36}")


class TtscopeApi:
    """A ttscope server that ``source`` reaches."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def summary(self) -> dict[str, Any]:
        """Returns the summary, GET /metrics. Raises SourceError."""
        answer = self.source.cached("/metrics", lambda: self.source.get("/metrics"))
        if not isinstance(answer, dict) or "total_requests" not in answer:
            raise SourceRefused(NAME, f"The server at {self.source.address} is not ttscope.")
        return answer

    def is_ready(self) -> bool:
        """Returns True if the server is ready. Raises SourceError."""
        self.source.cached("/ready", lambda: self.source.get("/ready"))
        return True

    def slowest(self, count: int) -> tuple[TraceSummary, ...]:
        """Returns the slowest requests in its memory, the slowest first. Raises SourceError."""
        answer = self.source.cached("/traces", lambda: self.source.get("/traces"))
        try:
            return tuple(_summary(trace) for trace in answer["slowest"][:count])
        except (KeyError, TypeError, ValueError):
            raise SourceRefused(NAME, f"{NAME} answers with an invalid list of traces.") from None

    def trace(self, identifier: str) -> tuple[StoredSpan, ...]:
        """Returns all spans of a trace, by its id or by the request's.

        Raises SourceError, NotFound if the trace is not in the server's memory.
        """
        if not IDENTIFIER.fullmatch(identifier):
            raise SourceRefused(NAME, "To find a request, enter the X-Trace-ID or the X-Request-ID of its response.")
        path = f"/traces/{identifier.lower()}"
        answer = self.source.cached(path, lambda: self.source.get(path))
        try:
            return from_server(answer)
        except (KeyError, TypeError, ValueError):
            raise SourceRefused(NAME, f"{NAME} answers with an invalid trace.") from None


def _summary(trace: Any) -> TraceSummary:
    names = ("voice_name", "word_count_range", "outcome")
    return TraceSummary(
        str(trace["trace_id"]),
        float(trace["started_at"]),
        float(trace["duration_seconds"]),
        str(trace["endpoint"]),
        {f"tts.{name}": str(trace[name]) for name in names if trace.get(name) is not None},
    )
