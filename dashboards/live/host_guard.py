"""Refuses requests that a page of another site caused, before they reach Streamlit.

Streamlit itself checks the Host of WebSockets alone. For an Origin that it does not know it asks an address service for
the machine's own address, so that any web page could make the dashboard call out.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from dashboards.live.settings import Settings
from otel.support import addresses
from otel.support.host_names import HostNames

MISDIRECTED = 421, "The header Host is no name of the dashboard; TTSCOPE_DASHBOARD_ALLOWED_HOSTS sets the names."
FOREIGN = 403, "The header Origin is of another site."
POLICY_VIOLATION = 1008
"""The closing code of a WebSocket (RFC 6455)."""


class HostGuard:
    """ASGI middleware. The Host must be a name of the dashboard; an Origin must be that Host, or the public address."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        public = urlsplit(addresses.load().dashboard_url)
        self._app = app
        self._hosts = HostNames(settings.host, (*settings.allowed_hosts, public.hostname or ""))
        self._public_host = public.netloc.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(Headers(scope=scope)) if scope["type"] in ("http", "websocket") else None
        if refusal is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            status, reason = refusal
            await PlainTextResponse(reason, status)(scope, receive, send)
        else:
            await WebSocketClose(POLICY_VIOLATION)(scope, receive, send)  # before it is accepted: the client sees 403

    def _refusal(self, headers: Headers) -> tuple[int, str] | None:
        host, origin = headers.get("host"), headers.get("origin")
        if host is not None and not self._hosts.include(host):
            return MISDIRECTED
        if origin is not None and origin.lower().partition("://")[2] not in ((host or "").lower(), self._public_host):
            return FOREIGN
        return None
