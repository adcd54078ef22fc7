"""A limit of a day or a month, and what one request takes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from otel.contract.values import RateLimitReason
from server.access.limit_fields import Policy
from server.access.usage import Period, Remaining

MILLISECONDS = 1000
"""Audio is counted in milliseconds, since stores count whole numbers."""


@dataclass(slots=True)
class Quota:
    """The audio of a day in milliseconds, or the characters of a month."""

    reason: RateLimitReason
    most: int
    """The limit in seconds of audio, or in characters."""
    period: Period
    used: int = 0
    """What the client has used, as far as it is known."""
    reserved: int = 0
    """What this request takes: until it ends, an estimate of its audio."""
    limit: int = field(init=False)
    """The limit in the unit that is counted."""

    def __post_init__(self) -> None:
        self.limit = self.most * self._unit

    @staticmethod
    def of_seconds(seconds: float) -> int:
        """Returns seconds of audio in the unit that is counted."""
        return round(seconds * MILLISECONDS)

    @property
    def refusal(self) -> str:
        """The message to a client that has too little left."""
        if self.reason is RateLimitReason.CHARACTERS_PER_MONTH:
            return f"one client may have {self.most} characters spoken in a month; this text has more than are left"
        return f"one client may have {self.most} seconds of audio in a day; this text needs more than are left"

    def policy(self, moment: float) -> Policy:
        """Returns the quota as header fields describe it, at ``moment`` in Unix seconds."""
        left = max(0, self.limit - max(0, self.used)) // self._unit
        seconds = max(1, math.ceil(self.period.end - moment))
        return Policy(self.reason, self.most, Remaining(left, seconds), self.period.seconds)

    @property
    def _unit(self) -> int:
        return MILLISECONDS if self.reason is RateLimitReason.AUDIO_SECONDS_PER_DAY else 1
