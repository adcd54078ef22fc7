"""Invites the body of a request with ``Expect: 100-continue`` only after all checks: a rejected body is never sent."""

from __future__ import annotations

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.typedefs import Handler

CONTINUE = "100-continue"


async def defer(request: web.Request) -> None:
    """Takes the place of aiohttp's own handler, which invites the body before any middleware runs.

    Raises HTTPExpectationFailed for another expectation.
    """
    if request.version == HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() != CONTINUE:
        raise web.HTTPExpectationFailed


@web.middleware
async def invite_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Sends the interim response that the client waits for. It is the innermost middleware."""
    if request.version == HttpVersion11 and request.headers.get(hdrs.EXPECT, "").lower() == CONTINUE:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the response has not begun
    return await handler(request)
