"""The host names that a port accepts. It rejects all others, to prevent DNS rebinding by web pages."""

from __future__ import annotations

from collections.abc import Iterable

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from otel.support.host_names import HostNames
from server.errors import MisdirectedRequest


class AllowedHosts:
    """A middleware that checks the header Host of each request to one port.

    Requests without the header are accepted, since no browser sends them.
    """

    __middleware_version__ = 1

    def __init__(self, bound: str, allowed: Iterable[str]) -> None:
        """``bound`` is the address that the port listens on."""
        self._names = HostNames(bound, allowed)

    async def __call__(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.check(request.headers.get(hdrs.HOST))
        return await handler(request)

    def check(self, host: str | None) -> None:
        """Raises MisdirectedRequest."""
        if host is not None and not self._names.include(host):
            raise MisdirectedRequest(
                "the header Host is not a name of this server; TTSCOPE_ALLOWED_HOSTS sets the names that it answers for"
            )
