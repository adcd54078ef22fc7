"""The settings of the port for Wyoming's protocol, as a part of the server's settings."""

from __future__ import annotations

from importlib.util import find_spec

from pydantic import Field
from pydantic_settings import BaseSettings


class WyomingSettings(BaseSettings):
    """Where Home Assistant reaches the server, part of ``Settings``."""

    wyoming_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port for Wyoming's protocol, by which Home Assistant speaks; its usual port is 10200, which `make "
        "stack` sets, and 0 chooses a free port. Unset: none. The protocol has no keys and no encryption.",
    )
    wyoming_host: str | None = Field(
        None,
        description="Address on which Wyoming's port listens; by default TTSCOPE_HOST. Where others than this machine "
        "reach it, the server must have no keys, and TTSCOPE_ALLOW_ANONYMOUS=true.",
    )
    wyoming_discovery: bool = Field(
        False,
        description="true: Wyoming's port is announced in the local network, where Home Assistant finds it (zeroconf). "
        "Needs the extra wyoming.",
    )

    def wyoming_conflicts(self, ports: tuple[int | None, ...]) -> list[str]:
        """Returns what does not fit together; ``ports`` are the others of the server."""
        problems = []
        if self.wyoming_port and self.wyoming_port in ports:
            problems.append("TTSCOPE_WYOMING_PORT: must differ from the server's other ports")
        if self.wyoming_discovery and self.wyoming_port is None:
            problems.append("TTSCOPE_WYOMING_DISCOVERY: needs TTSCOPE_WYOMING_PORT")
        if self.wyoming_discovery and find_spec("zeroconf") is None:
            problems.append("TTSCOPE_WYOMING_DISCOVERY: needs the extra wyoming: pip install zeroconf")
        return problems
