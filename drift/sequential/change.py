"""A change that was found: since when, how large, and whether it has ended."""

from __future__ import annotations

import msgspec

LASTING_SECONDS = 86_400.0
"""The seconds after which a change counts as the new usual: the hourly windows report what lasts."""


class Change(msgspec.Struct, frozen=True):
    """A change of one series; times are seconds since 1970.

    Of latency, ``before`` and ``after`` are natural logarithms at equal length, so that their difference is the
    logarithm of a ratio; of shares they are shares.
    """

    since: float
    """The estimated time of the change: the first request after it."""
    found: float
    before: float
    after: float
    low: float
    high: float
    """The interval of 95 % around ``after``."""
    requests: int
    """The requests of the series from the change to its discovery."""
    ended: float | None = None

    def is_lasting(self, time: float) -> bool:
        """Returns whether the change is so old at ``time`` that it is the new usual."""
        return time - self.found >= LASTING_SECONDS
