"""Logs: JSON, with the trace, and without what clients wrote."""

from __future__ import annotations

import ast
import asyncio
import gc
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import drift.__main__
import server.logs
from otel.support.private_logs import WITHHELD, PrivateFormatter, configure
from server.logs import FIELDS, add_trace_id
from tests.server_process import ROOT

CANARY = "Xylo" + "canary"  # frames show lines of code, so it must not stand in one
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


@contextmanager
def stream_of(name: str) -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """The logger ``name``, and what is written of it."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(PrivateFormatter(FIELDS))
    logger = logging.getLogger(name)
    logger.addHandler(handler)
    try:
        yield logger, stream
    finally:
        logger.removeHandler(handler)


def logged(name: str, message: str = "it failed for %s", *arguments: object, **kwargs: Any) -> dict[str, Any]:
    with stream_of(name) as (logger, stream):
        logger.error(message, *(arguments or ("SECRET",)), **kwargs)
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


def test_a_librarys_record_has_name_level_place_and_template_alone() -> None:
    record = logged("aiohttp.server", extra={"url": f"http://user:{CANARY}@host", "reason": CANARY, "source": CANARY})
    assert record.pop("source").startswith("test_logs.py:")
    record.pop("timestamp")
    assert record == {"levelname": "ERROR", "name": "aiohttp.server", "message": "it failed for %s"}


@pytest.mark.parametrize("name", ["asyncio", "py.warnings", "ttscopes", "root"])
def test_a_message_that_was_put_together_is_left_out(name: str) -> None:
    with stream_of(name) as (logger, stream):
        logger.error(f"it failed for {CANARY}")  # noqa: G004 - as others do
        logger.error(ValueError(CANARY))
        logger.error({"text": CANARY})
    assert CANARY not in stream.getvalue()
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == [WITHHELD] * 3


def test_a_task_that_nobody_awaited_says_no_more_than_where() -> None:
    async def fail() -> None:
        raise ValueError(CANARY)

    async def forget() -> None:
        task = asyncio.create_task(fail(), name=CANARY)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del task
        gc.collect()

    with stream_of("asyncio") as (_, stream):
        asyncio.run(forget())
    record = json.loads(stream.getvalue())
    assert CANARY not in stream.getvalue()
    assert record["message"] == WITHHELD
    assert "ValueError" in record["exc_info"]


def test_our_own_records_have_allowed_fields_alone() -> None:
    record = logged("ttscope.test", extra={"reason": "none", "body": CANARY})
    assert (record["reason"], "body" in record) == ("none", False)


def test_warnings_are_withheld() -> None:
    with stream_of("py.warnings") as (_, stream):
        logging.captureWarnings(capture=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn(CANARY, stacklevel=1)
        finally:
            logging.captureWarnings(capture=False)
    assert CANARY not in stream.getvalue()


def test_a_line_that_can_t_be_written_is_not_dumped(capfd: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError("No space left on device")

    root, before = logging.getLogger(), logging.getLogger().handlers[:]
    try:
        handler = configure(PrivateFormatter(FIELDS), "info")
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(Full())
        logging.getLogger("ttscope.test").error("it failed for %s", CANARY)
    finally:
        root.handlers[:] = before
        logging.raiseExceptions = True
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("folder", "fields"),
    [("server", server.logs.FIELDS), ("otel", server.logs.FIELDS), ("drift", drift.__main__.LOG_FIELDS)],
)
def test_every_field_that_we_log_is_allowed(folder: str, fields: frozenset[str]) -> None:
    used = {name for path in (ROOT / folder).rglob("*.py") for name in extras(ast.parse(path.read_text()))}
    assert used <= fields
    assert folder == "otel" or fields <= used | {"file", "lost"}  # those of otel


def extras(tree: ast.AST) -> Iterator[str]:
    """The fields of every ``extra``, whether it is written in the call or before it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
            given = [keyword.value for keyword in node.keywords if keyword.arg == "extra"]
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "extra":
            given = [node.value]
        else:
            continue
        for value in given:
            assert isinstance(value, ast.Dict) or ast.unparse(value) == "extra"
            for key in value.keys if isinstance(value, ast.Dict) else ():
                if key is not None:
                    assert isinstance(key, ast.Constant)
                    yield str(key.value)
