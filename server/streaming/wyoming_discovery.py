"""Announces the port for Wyoming's protocol in the local network, where Home Assistant finds it (mDNS, RFC 6762)."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.access.exposure import wyoming_host
from server.settings import Settings

SERVICE = "_wyoming._tcp.local."
NAME = "ttscope"
MDNS = ("224.0.0.251", 5353)
"""The group to which names are announced; a route to it tells this machine's address in the local network."""


@asynccontextmanager
async def announced(settings: Settings, port: int) -> AsyncIterator[None]:
    """Announces the port while its body runs, if the operator wants it. Raises OSError without a network."""
    if not settings.wyoming_discovery:
        yield
        return
    from zeroconf import IPVersion
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    address = _address(wyoming_host(settings))
    service = AsyncServiceInfo(
        SERVICE,
        f"{NAME} {port}.{SERVICE}",
        addresses=[socket.inet_aton(address)],
        port=port,
        server=f"{NAME}-{port}.local.",
    )
    announcer = AsyncZeroconf(ip_version=IPVersion.V4Only)
    try:
        await announcer.async_register_service(service)
        yield
    finally:
        await announcer.async_unregister_all_services()
        await announcer.async_close()


def _address(host: str) -> str:
    """Returns the IPv4 address at which others in the local network reach a port on ``host``."""
    if host not in {"", "0.0.0.0", "::"}:  # noqa: S104 - compared, not listened on
        return socket.gethostbyname(host.strip("[]"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(MDNS)  # sends nothing
        return str(probe.getsockname()[0])
