"""The parts that all responses share: ids, timings, security headers, and errors as JSON."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

from server.errors import BadRequest, BodyTooLarge, InternalError, MethodNotAllowed, SpeechError, UnknownPath
from server.record import RequestRecord

REQUEST_ID = web.RequestKey("request_id", str)
TRACE_ID = web.RequestKey("trace_id", str)
"""Stored on the request because the response to a rejected request is prepared after its span has ended."""
RECORD = web.RequestKey("record", RequestRecord)
RESPONSE = web.RequestKey("response", web.StreamResponse)
"""The response that the handler itself has started to send."""
FAILURE_SENT = web.RequestKey("failure_sent", bool)
"""Whether a started response has already reported its failure in its body and ended."""
ACKNOWLEDGED: web.RequestKey[Callable[[], Awaitable[None]]] = web.RequestKey("acknowledged")
"""Returns when it is known that the client has not left before the end of the response, else raises ConnectionError."""
TRAILER: web.RequestKey[Callable[[], tuple[str, str]]] = web.RequestKey("trailer")
"""Returns the name and the value of the header that ends the response, after its body (RFC 9110, 6.5)."""

CONSTANT_HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Server": "ttscope"}
"""The headers of every response that do not depend on the request."""

_CALLERS_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE)
"""Accepts a client's X-Request-ID only if it is a UUID, which can't contain text."""


ErrorFormat = Callable[[SpeechError], web.Response]
"""Returns the response to an error."""


def request_id(request: web.BaseRequest) -> str:
    """Returns the client's X-Request-ID if it is a UUID, else a new one."""
    header = request.headers.get("X-Request-ID", "")
    return header.lower() if _CALLERS_ID.fullmatch(header) else str(uuid.uuid4())


def describe(error: SpeechError) -> dict[str, str | None]:
    """Returns the fields of an error that the client receives."""
    return {"message": error.message, "type": error.kind, "param": error.param, "code": error.error_type}


def error_response(error: SpeechError) -> web.Response:
    """Returns the error response, in OpenAI's format."""
    body = json.dumps({"error": describe(error)})
    response = web.Response(status=error.status, text=body, content_type="application/json")
    response.headers.update(error.headers)
    return response


def translate(error: web.HTTPException, request: web.BaseRequest) -> SpeechError:
    """Returns the server's error for an exception that aiohttp raised for ``request``."""
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
    """Adds the headers of every response; aiohttp sends this signal before the first byte."""
    add_headers(request, response)


def add_headers(request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Adds the headers of ``decorate`` to a response for which aiohttp sends no signal."""
    headers = response.headers
    headers["X-Request-ID"] = request.get(REQUEST_ID) or request_id(request)
    if TRACE_ID in request:
        headers["X-Trace-ID"] = request[TRACE_ID]
    record = request.get(RECORD)
    if record is not None:
        headers["Server-Timing"] = server_timing(record)
    headers.update(CONSTANT_HEADERS)


def server_timing(record: RequestRecord) -> str:
    """Returns the stages so far in milliseconds (W3C Server Timing), and ``total`` once all audio is ready."""
    metrics = [f"{stage};dur={seconds * 1e3:.2f}" for stage, seconds in record.stage_seconds().items()]
    if record.duration is not None:
        metrics.append(f"total;dur={record.duration * 1e3:.2f}")
    return ", ".join(metrics)
