"""A server that leaves: each response ends its connection, so that the next request goes to another server."""

from __future__ import annotations

from aiohttp import hdrs, web

from server.synthesis.admission import Admission

SWITCHING_PROTOCOLS = 101


class Departure:
    """Closes connections after their response while the server is leaving."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    async def decorate(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """aiohttp sends this signal before the first byte, and after it has set the connection's headers."""
        if self._admission.leaving and response.status != SWITCHING_PROTOCOLS:
            response.force_close()
            response.headers[hdrs.CONNECTION] = "close"
