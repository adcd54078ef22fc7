"""The host names that a port accepts. It rejects all others, to prevent DNS rebinding by web pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from ipaddress import ip_address

from aiohttp import hdrs, web

from server.errors import MisdirectedRequest

LOOPBACK = ("localhost", "127.0.0.1", "::1")
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
EVERY = "*"
REMEMBERED = 256
"""The number of Host values whose result is cached."""


class AllowedHosts:
    """A middleware that checks the header Host of each request to one port.

    It allows the loopback names, the address that the port is bound to, and ``allowed``, each with any port; ``*``
    allows every name. A port that is bound to all addresses also accepts any IP address: DNS rebinding needs a name
    that an attacker can point elsewhere. Requests without the header are accepted too, since no browser sends them.
    """

    __middleware_version__ = 1

    def __init__(self, bound: str, allowed: Iterable[str]) -> None:
        """``bound`` is the address that the port listens on."""
        self._names = frozenset(map(_canonical, (*LOOPBACK, bound, *allowed))) - {""}
        self._addresses = bound in WILDCARDS
        self._allows = lru_cache(REMEMBERED)(self._judge)

    async def __call__(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        self.check(request.headers.get(hdrs.HOST))
        return await handler(request)

    def check(self, host: str | None) -> None:
        """Raises MisdirectedRequest."""
        if host is not None and not self._allows(host):
            raise MisdirectedRequest(
                "the header Host is not a name of this server; TTSCOPE_ALLOWED_HOSTS sets the names that it answers for"
            )

    def _judge(self, host: str) -> bool:
        if EVERY in self._names:
            return True
        name = _canonical(_without_port(host))
        return name in self._names or (self._addresses and _is_address(name))


def _without_port(host: str) -> str:
    if host.startswith("["):  # an IPv6 address
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _canonical(name: str) -> str:
    return name.strip().strip("[]").lower().removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
