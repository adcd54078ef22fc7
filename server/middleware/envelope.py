"""The form of every answer: ids, timings, security headers, and errors as JSON."""

from __future__ import annotations

import json
import re
import uuid

from aiohttp import web

from server.errors import BadRequest, BodyTooLarge, InternalError, MethodNotAllowed, SpeechError, UnknownPath
from server.record import RequestRecord

REQUEST_ID = web.RequestKey("request_id", str)
TRACE_ID = web.RequestKey("trace_id", str)
"""Remembered because a refusal's answer is prepared when its span has ended."""
RECORD = web.RequestKey("record", RequestRecord)
RESPONSE = web.RequestKey("response", web.StreamResponse)
"""The response that a handler has begun to send itself."""
FAILURE_SENT = web.RequestKey("failure_sent", bool)
"""Whether a response that had begun said itself that it failed, and has ended."""

CONSTANT_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Server": "ttscope"}
"""The headers of every answer that do not depend on its request."""

_CALLERS_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
"""A caller's X-Request-ID is taken over if it is a UUID: that can't hold words."""


def request_id(request: web.BaseRequest) -> str:
    """The caller's own id if it is a UUID, else a new one."""
    header = request.headers.get("X-Request-ID", "")
    return header.lower() if _CALLERS_ID.fullmatch(header) else str(uuid.uuid4())


def describe(error: SpeechError) -> dict[str, str | None]:
    """What a client is told of an error."""
    return {"message": error.message, "type": error.kind, "param": error.param, "code": error.error_type}


def error_response(error: SpeechError) -> web.Response:
    """The error in OpenAI's shape."""
    body = json.dumps({"error": describe(error)})
    response = web.Response(status=error.status, text=body, content_type="application/json")
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(sorted(error.allowed))
    return response


def translate(error: web.HTTPException, request: web.BaseRequest) -> SpeechError:
    """Returns the server's error for the one that aiohttp raised for ``request``."""
    match error:
        case web.HTTPMethodNotAllowed():
            return MethodNotAllowed(error.allowed_methods)
        case web.HTTPRequestEntityTooLarge():
            return BodyTooLarge(f"the body may have at most {request.client_max_size} bytes")
        case web.HTTPExpectationFailed():
            return BadRequest("the header Expect may only be 100-continue")
        case web.HTTPNotFound():
            return UnknownPath("this path does not exist; GET /openapi.json lists all paths")
        case _:
            return InternalError("the server failed because of a bug")


async def decorate(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Adds the headers that every answer has; a signal of aiohttp, sent before the first byte."""
    add_headers(request, response)


def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Adds the headers of ``decorate`` to an answer for which aiohttp sends no signal."""
    headers = response.headers
    headers["X-Request-ID"] = request.get(REQUEST_ID) or request_id(request)
    if TRACE_ID in request:
        headers["X-Trace-ID"] = request[TRACE_ID]
    record = request.get(RECORD)
    if record is not None:
        headers["Server-Timing"] = server_timing(record)
    headers.update(CONSTANT_HEADERS)


def server_timing(record: RequestRecord) -> str:
    """The stages so far in milliseconds (W3C Server Timing), and ``total`` when all audio is ready."""
    metrics = [f"{stage};dur={seconds * 1e3:.2f}" for stage, seconds in record.stage_seconds().items()]
    if record.duration is not None:
        metrics.append(f"total;dur={record.duration * 1e3:.2f}")
    return ", ".join(metrics)
