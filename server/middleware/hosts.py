"""The host names that a port answers for. Others are refused, so that DNS rebinding gives no web page access."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

from server.errors import MisdirectedRequest

LOOPBACK = ("localhost", "127.0.0.1", "::1")
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
EVERY = "*"
REMEMBERED = 256
"""Values of the header Host whose verdict is kept."""


class AllowedHosts:
    """Judges the header Host of each request to one port.

    Allowed are the loopback's names, the address that the port is bound to, and ``allowed``, each with any port; ``*``
    allows every name. A port that is bound to every address answers for IP addresses too: no page gets there by a name
    that somebody could point elsewhere. So does a request without the header, which no browser sends.
    """

    def __init__(self, bound: str, allowed: Iterable[str]) -> None:
        """``bound`` is the address that the port listens on."""
        self._names = frozenset(map(_canonical, (*LOOPBACK, bound, *allowed))) - {""}
        self._addresses = bound in WILDCARDS
        self._allows = lru_cache(REMEMBERED)(self._judge)

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
