"""The names that a program answers for in the header Host. All others are refused, to prevent DNS rebinding."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address

LOOPBACK = ("localhost", "127.0.0.1", "::1")
WILDCARDS = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
EVERY = "*"
REMEMBERED = 256
"""The number of Host values whose result is cached."""


class HostNames:
    """The names of one port.

    These are the loopback names, the address that the port is bound to, and ``allowed``, each with any port; ``*``
    allows every name. A port that is bound to all addresses also has any IP address: DNS rebinding needs a name that an
    attacker can point elsewhere.
    """

    def __init__(self, bound: str, allowed: Iterable[str]) -> None:
        """``bound`` is the address that the port listens on."""
        self._names = frozenset(map(_canonical, (*LOOPBACK, bound, *allowed))) - {""}
        self._addresses = bound in WILDCARDS
        self.include = lru_cache(REMEMBERED)(self._judge)
        """Returns whether a value of the header Host is one of the names."""

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
