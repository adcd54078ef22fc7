"""Asks the speaking server itself: its account at /metrics, whether it is ready, and the traces that it holds."""

from __future__ import annotations

import re
from typing import Any

from dashboards.live.sources.client import Source, SourceRefused
from dashboards.live.sources.spans import from_server
from otel.trace_store.store import StoredSpan, TraceSummary

NAME = "The server"
IDENTIFIER = re.compile(r"[0-9a-fA-F-]{1,36}")


class TtscopeApi:
    """A ttscope server, asked through ``source``."""

    def __init__(self, source: Source) -> None:
        self.source = source

    def summary(self) -> dict[str, Any]:
        """GET /metrics. Raises SourceError."""
        answer = self.source.remembered("/metrics", lambda: self.source.get("/metrics"))
        if not isinstance(answer, dict) or "total_requests" not in answer:
            raise SourceRefused(NAME, f"The server at {self.source.address} is not ttscope.")
        return answer

    def is_ready(self) -> bool:
        """True if it can speak. Raises SourceError."""
        self.source.remembered("/ready", lambda: self.source.get("/ready"))
        return True

    def slowest(self, most: int) -> tuple[TraceSummary, ...]:
        """The slowest requests that it holds, the slowest first. Raises SourceError."""
        answer = self.source.remembered("/traces", lambda: self.source.get("/traces"))
        try:
            return tuple(_found(trace) for trace in answer["slowest"][:most])
        except (KeyError, TypeError, ValueError):
            raise SourceRefused(NAME, f"{NAME} answers with an invalid list of traces.") from None

    def trace(self, identifier: str) -> tuple[StoredSpan, ...]:
        """All spans of a trace, by its id or by the request's. Raises SourceError, NotFound if it is not held."""
        if not IDENTIFIER.fullmatch(identifier):
            raise SourceRefused(NAME, "To find a request, enter the X-Trace-ID or the X-Request-ID of its response.")
        path = f"/traces/{identifier.lower()}"
        answer = self.source.remembered(path, lambda: self.source.get(path))
        try:
            return from_server(answer)
        except (KeyError, TypeError, ValueError):
            raise SourceRefused(NAME, f"{NAME} answers with an invalid trace.") from None


def _found(trace: Any) -> TraceSummary:
    shown = ("voice_name", "word_count_range", "outcome")
    return TraceSummary(
        str(trace["trace_id"]),
        float(trace["started_at"]),
        float(trace["duration_seconds"]),
        str(trace["endpoint"]),
        {f"tts.{name}": str(trace[name]) for name in shown if trace.get(name) is not None},
    )
