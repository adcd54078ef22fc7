"""Checks whether the machine's clock can be trusted, by the last run's time and the kernel's uptime.

If the clock jumped ahead for one run, everything would be deleted as too old, and nothing would be judged until that
time came. The kernel's count of seconds since boot can't be set, so within one boot a jump is certain. Across a reboot
a jump looks like a machine that was off; then a clock is trusted when it has run evenly for a while, in which time
synchronisation would have set it.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
TOLERANCE = timedelta(minutes=5)
"""The maximum by which a clock may be set back, or run unevenly."""
LEAP = timedelta(days=1)
"""The maximum by which a clock may be ahead of the kernel's count within one boot."""
OFF = timedelta(days=14)
"""The maximum time that a machine may have been off without suspicion."""
AFTER_LEAP = timedelta(days=1)
"""The time that a clock that jumped ahead must run evenly: operators have a day to correct it."""
AFTER_BOOT = timedelta(hours=1)
"""The time that a clock must run evenly after it was set back, or after a boot."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The clock, and how long the machine has been running, read at the same instant."""

    time: datetime
    boot: str = ""
    """The id of the boot; empty if unknown."""
    uptime: float = 0.0
    """Seconds since that boot, including sleep."""

    @classmethod
    def current(cls) -> ClockReading:
        """Reads this machine's clock. Without the kernel's boot id, only readings of one process can be compared."""
        moment = datetime.now(UTC)
        try:
            return cls(moment, BOOT_ID.read_text(encoding="ascii").strip(), time.clock_gettime(time.CLOCK_BOOTTIME))
        except (OSError, AttributeError):
            return cls(moment, f"process {os.getpid()}", time.monotonic())

    def leap_since(self, earlier: ClockReading) -> timedelta | None:
        """Returns how much more the clock has advanced than the machine's uptime; None across a reboot."""
        if not self.boot or self.boot != earlier.boot:
            return None
        return (self.time - earlier.time) - timedelta(seconds=self.uptime - earlier.uptime)


class Suspicion(StrEnum):
    """The suspected fault of the clock."""

    LEAPT = "it leapt ahead"
    LONG_OFF = "it is weeks ahead, and the machine was started since"
    SET_BACK = "it is behind the last run"


_STEADY = {Suspicion.LEAPT: AFTER_LEAP, Suspicion.LONG_OFF: AFTER_BOOT, Suspicion.SET_BACK: AFTER_BOOT}


def suspicion(now: ClockReading, last: ClockReading, doubted: ClockReading | None) -> Suspicion | None:
    """Returns the suspected fault of the clock since the ``last`` run that trusted it; None if it can be trusted.

    ``doubted`` is the reading since which it has been doubted without interruption, or None.
    """
    suspected = _suspicion(now, last)
    if suspected is None or (
        doubted is not None and is_even(now, doubted) and now.time - doubted.time >= _STEADY[suspected]
    ):
        return None
    return suspected


def is_even(now: ClockReading, earlier: ClockReading) -> bool:
    """Returns whether the clock has run as fast as the machine's uptime since the ``earlier`` reading, in one boot."""
    leap = now.leap_since(earlier)
    return leap is not None and abs(leap) <= TOLERANCE


def _suspicion(now: ClockReading, last: ClockReading) -> Suspicion | None:
    passed, leap = now.time - last.time, now.leap_since(last)
    if passed < -TOLERANCE:
        return Suspicion.SET_BACK
    if leap is None:
        return Suspicion.LONG_OFF if passed > OFF else None
    return Suspicion.LEAPT if leap > LEAP else None
