"""Structured logs: one JSON object a line, with the trace they belong to, and nothing that a client wrote."""

from __future__ import annotations

import logging
import sys
import traceback
from types import TracebackType

from opentelemetry.trace import format_trace_id, get_current_span
from pythonjsonlogger.json import JsonFormatter

LOGGER = "ttscope"


def configure(level: str) -> None:
    """Sends all logs to standard error as JSON."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PrivateFormatter("{levelname}{name}{message}", style="{", timestamp=True))
    handler.addFilter(add_trace_id)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(LOGGER).setLevel(level.upper())
    logging.captureWarnings(capture=True)


def add_trace_id(record: logging.LogRecord) -> bool:
    """Puts the current trace's id on the record."""
    context = get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = format_trace_id(context.trace_id)
    return True


class PrivateFormatter(JsonFormatter):
    """Leaves out what may hold a client's words: the messages of exceptions, and the arguments of others' log calls.

    A library logs addresses, headers and paths; of its records only the constant template is written.
    """

    def format(self, record: logging.LogRecord) -> str:
        if record.name.split(".")[0] != LOGGER:
            record = logging.makeLogRecord({**record.__dict__, "args": ()})
            if record.name == "py.warnings":
                record.msg = "a library warned"
        return super().format(record)

    def formatException(  # noqa: N802 - the name is logging's
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, error, _ = ei
        if kind is None or error is None:
            return ""
        links: list[BaseException] = []
        while error is not None and error not in links:
            links.append(error)
            error = error.__cause__ or error.__context__
        return "\n".join(
            f"{type(link).__qualname__}\n{''.join(traceback.format_tb(link.__traceback__))}" for link in links
        )
