"""The header Strict-Transport-Security (HSTS, RFC 6797): it makes browsers use only https for this server's name."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

FORWARDED_PROTOCOL = "X-Forwarded-Proto"
"""The header in which a proxy names the protocol that the client used."""


class StrictTransport:
    """Adds the header to responses by https: by this server's own TLS, or by that of a trusted proxy before it."""

    def __init__(self, seconds: int, trusts: Callable[[str], bool]) -> None:
        """``seconds`` is how long browsers remember it, 0 for no header; ``trusts`` returns whether an address is that
        of a trusted proxy."""
        self._value = f"max-age={seconds}" if seconds else ""
        self._trusts = trusts

    async def decorate(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        """Adds the header; aiohttp sends this signal before the first byte of a response."""
        if self._value and (request.secure or self._forwarded(request)):
            response.headers["Strict-Transport-Security"] = self._value

    def _forwarded(self, request: web.BaseRequest) -> bool:
        return request.headers.get(FORWARDED_PROTOCOL, "").lower() == "https" and self._trusts(request.remote or "")
