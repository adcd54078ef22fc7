"""Structured logs: one JSON object a line, with the trace they belong to, and nothing that a client wrote."""

from __future__ import annotations

import logging

from opentelemetry.trace import format_trace_id, get_current_span

from otel.support import private_logs
from otel.support.private_logs import LOGGER, TRACE_ID, PrivateFormatter

__all__ = ["FIELDS", "LOGGER", "add_trace_id", "configure"]

FIELDS = frozenset(
    {
        "alias",
        "began",
        "connections",
        "endpoint",
        "failures",
        "file",
        "following",
        "kind",
        "limit",
        "lost",
        "machine_restarted",
        "management_url",
        "provider",
        "reason",
        "request_id",
        "restarts",
        "seconds",
        "state",
        "task",
        "url",
        "value",
        "variable",
        "version",
        "voice",
        "worker",
    }
)
"""The fields of ``extra`` that are written; others are left out."""


def configure(level: str) -> None:
    """Sends all logs to standard error as JSON."""
    private_logs.configure(PrivateFormatter(FIELDS), level).addFilter(add_trace_id)


def add_trace_id(record: logging.LogRecord) -> bool:
    """Puts the current trace's id on the record."""
    context = get_current_span().get_span_context()
    if context.is_valid:
        setattr(record, TRACE_ID, format_trace_id(context.trace_id))
    return True
