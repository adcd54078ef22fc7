"""Logs: JSON, with the trace, and without what clients wrote."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

from server.logs import PrivateFormatter, add_trace_id


def logged(name: str, **kwargs: Any) -> dict[str, Any]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrivateFormatter("{levelname}{name}{message}", style="{", timestamp=True))
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    logger.error("it failed for %s", "SECRET", **kwargs)
    logger.removeHandler(handler)
    return dict(json.loads(stream.getvalue()))


def test_our_own_records_are_whole() -> None:
    record = logged("ttscope.test", extra={"reason": "none"})
    assert record["message"] == "it failed for SECRET"
    assert (record["levelname"], record["reason"]) == ("ERROR", "none")
    assert record["timestamp"]


def test_a_librarys_arguments_are_left_out() -> None:
    assert logged("aiohttp.server")["message"] == "it failed for %s"


def test_exceptions_lose_their_messages_and_keep_their_frames() -> None:
    secret = "SEC" + "RET"  # frames show lines of code, so it must not stand in one
    try:
        try:
            raise ValueError(f"{secret} cause")
        except ValueError as cause:
            raise RuntimeError(secret) from cause
    except RuntimeError as error:
        record = logged("aiohttp.server", exc_info=error)
    assert secret not in record["exc_info"]
    assert "RuntimeError" in record["exc_info"]
    assert "ValueError" in record["exc_info"]
    assert "test_logs.py" in record["exc_info"]


def test_a_record_names_the_trace_it_belongs_to() -> None:
    from opentelemetry.sdk.trace import TracerProvider

    record = logging.makeLogRecord({})
    with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
        assert add_trace_id(record)
    assert record.__dict__["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    outside = logging.makeLogRecord({})
    assert add_trace_id(outside)
    assert "trace_id" not in outside.__dict__
