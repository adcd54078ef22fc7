"""The settings of clients' limits: how much one key, or one address without a key, may request."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings


class LimitSettings(BaseSettings):
    """The limits of each client that has none of its own, part of ``Settings``; 0 stands for no limit."""

    forwarded_header: Literal["X-Forwarded-For", "Forwarded"] = Field(
        "X-Forwarded-For",
        description="The header in which TTSCOPE_TRUSTED_PROXIES name the client: X-Forwarded-For, or Forwarded as in "
        "RFC 7239. The proxies must set or extend it themselves; the other one is not read.",
    )
    requests_per_minute: int = Field(
        100,
        ge=0,
        description="Most requests of one client within any minute: for speech, for readings of texts, for reports of "
        "playback, and to register or delete voices. A client is a key; without a key, an IPv4 address or an IPv6 "
        "network of 64 bits. Clients on this machine without a key have none of these four limits. 0 switches the "
        "limit off.",
    )
    concurrent_requests: int = Field(
        0, ge=0, description="Most of these requests of one client at the same time, on each server. 0: no limit."
    )
    audio_seconds_per_day: int = Field(
        0, ge=0, description="Most seconds of audio that one client gets in a day, in UTC. 0: no limit."
    )
    characters_per_month: int = Field(
        0, ge=0, description="Most characters that one client has spoken in a month, in UTC. 0: no limit."
    )
