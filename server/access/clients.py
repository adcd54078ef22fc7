"""Identifies the client of a request by its API key or its address, for limits per client. Neither enters telemetry."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

from aiohttp import web

from server.access.caller import caller_of

KEY = "key:"
"""Begins what stands for a client with an API key."""
ForwardedHeader = Literal["X-Forwarded-For", "Forwarded"]
"""The header in which proxies say for whom they send a request: the one of custom, or that of RFC 7239."""
REMEMBERED = 1024
"""The number of addresses whose keys are cached: computing a key takes 5 us."""
IPV6_PREFIX = 64
"""The prefix length that identifies an IPv6 client, which can choose the remaining bits itself."""

Address = IPv4Address | IPv6Address


class Clients:
    """Identifies clients by API key, else by address; behind trusted proxies, by the address that these forward."""

    def __init__(
        self, trusted_proxies: Sequence[IPv4Network | IPv6Network], header: ForwardedHeader = "X-Forwarded-For"
    ) -> None:
        """``header`` is the one that the proxies write; the other may come from anybody, and is not read."""
        self._trusted = tuple(trusted_proxies)
        self._hops = _forwarded if header == "Forwarded" else _x_forwarded_for

    def key(self, request: web.Request) -> str:
        """Returns what tells clients apart: ``key:`` and the identifier of the API key; without one, the address."""
        caller = caller_of(request)
        return f"{KEY}{caller.key_id}" if caller.key_id else self.address(request)

    def address(self, request: web.Request) -> str:
        """Returns the client's IPv4 address or IPv6 network, or an empty string if it has no address."""
        remote = request.remote or ""
        if not self._trusted:
            return address_key(remote)
        hops = self._hops(request)
        while self.trusts(remote) and hops:
            forwarded = hops.pop()
            if _address(forwarded) is None:  # not a valid address: the proxy itself counts as the client
                break
            remote = forwarded
        return address_key(remote)

    def trusts(self, remote: str) -> bool:
        """Returns whether an address is that of a trusted proxy."""
        address = _address(remote)
        return address is not None and any(address in network for network in self._trusted)


def _x_forwarded_for(request: web.Request) -> list[str]:
    """Returns the addresses of X-Forwarded-For without their ports, the latest last."""
    return [_without_port(hop.strip()) for hop in ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")]


def _forwarded(request: web.Request) -> list[str]:
    """Returns the addresses of Forwarded without their ports, the latest last."""
    return [_without_port(element.get("for", "")) for element in request.forwarded]


def _without_port(node: str) -> str:
    """Returns an address that a proxy may have written with a port, as 192.0.2.1:80 or [2001:db8::1]:80."""
    if node.startswith("["):
        return node[1:].partition("]")[0]
    return node.partition(":")[0] if node.count(":") == 1 else node


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


@lru_cache(REMEMBERED)
def address_key(text: str) -> str:
    """Returns what stands for the client with an address: the address if it is IPv4, its network if it is IPv6."""
    address = _address(text)
    if not isinstance(address, IPv6Address):
        return text if address is None else str(address)
    return str(IPv6Network((int(address), IPV6_PREFIX), strict=False))
