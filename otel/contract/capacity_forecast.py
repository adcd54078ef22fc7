"""How many servers recorded traffic needs, as capacity.json holds it: bench writes it, the live dashboard reads it.

Plain dataclasses, like drift_verdict.py. Times are in seconds; None stands for a time that no request has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ServerCount:
    """What clients of so many servers would see."""

    servers: int
    used_share: float
    """The share of the time in which the engines work."""
    first_audio_p50: float | None
    first_audio_p95: float | None
    total_p95: float | None
    refused_share: float
    """The share of requests that are refused or fail."""
    enough: bool
    """Whether the 95th percentile of first audio is within the target, and hardly any request refused."""


@dataclass(frozen=True, slots=True)
class ProviderLoss:
    """What clients would see before and after the first provider of every server ends."""

    next_provider: str
    """The provider that follows; empty if there is none."""
    fallbacks: int
    before: ServerCount
    after: ServerCount


@dataclass(frozen=True, slots=True)
class CapacityForecast:
    """The answer of ``python -m bench.capacity``."""

    made: datetime
    first_arrival: datetime
    """When the recorded traffic begins."""
    minutes: float
    requests: int
    """The recorded requests."""
    servers_today: int
    factor: float
    """The forecast is for so many times the recorded traffic."""
    target: float
    """The longest 95th percentile of first audio."""
    error: float
    """The error of the simulated first audio on the recorded traffic, as a share."""
    least: int | None
    """The least number of servers that is enough; None if no number is."""
    least_with_error: int | None
    """The same with room for the error."""
    counts: tuple[ServerCount, ...]
    """The numbers of servers that were simulated, in ascending order."""
    loss: ProviderLoss | None = None
