"""The settings of sessions, whose text arrives in pieces over sockets."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings


class StreamingSettings(BaseSettings):
    """The limits of sockets, part of ``Settings``."""

    max_sockets: int = Field(
        256,
        ge=1,
        le=100_000,
        description="Most open WebSockets and connections of Wyoming, of which one client has at most "
        "TTSCOPE_MAX_CLIENT_SHARE. Each holds a connection until its client closes it.",
    )
    socket_idle_seconds: float = Field(
        300.0,
        gt=0,
        le=86_400,
        description="How long a WebSocket or a connection of Wyoming may be idle before the server closes it.",
    )
    buffer_delay_seconds: float = Field(
        3.0,
        ge=0,
        le=30,
        description="How long an incomplete sentence of a socket waits for its next piece before its complete words "
        "are spoken. Clients may ask for another delay where their format can say so.",
    )
