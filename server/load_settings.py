"""The settings of what routers see of the server's load, as a part of the server's settings."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

LoadReportMode = Literal["off", "requested", "always"]


class LoadSettings(BaseSettings):
    """How the server reports its load, part of ``Settings``."""

    shed_seconds: float = Field(
        10.0,
        gt=0,
        description="Forecast wait in seconds from which the server sheds load: GET /ready/load answers 503, and the "
        "agent check the least weight, until the wait is half as long. Requests that come all the same are accepted, "
        "up to the limits above.",
    )
    load_reports: LoadReportMode = Field(
        "off",
        description="When responses to speech requests have the header endpoint-load-metrics (ORCA): off; requested, "
        "when the request has endpoint-load-metrics-format: TEXT, JSON or BIN; always, as TEXT unless another format "
        "is requested. Only TTSCOPE_TRUSTED_PROXIES and keys with the scope observe get it; on a server without keys "
        "everybody does.",
    )
    agent_check_port: int | None = Field(
        None,
        ge=0,
        le=65535,
        description="Port on TTSCOPE_MANAGEMENT_HOST for haproxy's agent-check, which answers each connection with a "
        "line such as `up 75%`; 0 chooses a free port. Unset: none. It needs no key.",
    )
