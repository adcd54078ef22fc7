"""Whether the machine's clock can be believed: by the time of the last run, and by what the kernel counts since boot.

A clock that jumps ahead for one run would let everything be deleted as too old, and nothing be judged until that time
has come. The kernel's count of seconds since boot can't be set, so within one boot a jump is certain. Across a reboot
a jump looks like a machine that was off; there a clock is believed when it has run on evenly for a while, which is
when time synchronisation would have set it.
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
"""How far a clock may be set back, or run unevenly."""
LEAP = timedelta(days=1)
"""How far a clock may be ahead of the kernel's count within one boot."""
OFF = timedelta(days=14)
"""How long a machine may have been off without a question."""
AFTER_LEAP = timedelta(days=1)
"""How long a clock that leapt ahead must run on evenly: somebody has a day to set it right."""
AFTER_BOOT = timedelta(hours=1)
"""How long a clock that was set back, or one after a boot, must run on evenly."""


@dataclass(frozen=True, slots=True)
class ClockReading:
    """The clock, and how long the machine has been running, read at the same instant."""

    time: datetime
    boot: str = ""
    """The id of the boot; empty if that is not known."""
    uptime: float = 0.0
    """Seconds since that boot, sleep included."""

    @classmethod
    def current(cls) -> ClockReading:
        """Reads this machine's clock. Without the kernel's boot id, only readings of one process can be compared."""
        moment = datetime.now(UTC)
        try:
            return cls(moment, BOOT_ID.read_text(encoding="ascii").strip(), time.clock_gettime(time.CLOCK_BOOTTIME))
        except (OSError, AttributeError):
            return cls(moment, f"process {os.getpid()}", time.monotonic())

    def leap_since(self, earlier: ClockReading) -> timedelta | None:
        """Returns how much further the clock has gone than the machine's uptime; None across a reboot."""
        if not self.boot or self.boot != earlier.boot:
            return None
        return (self.time - earlier.time) - timedelta(seconds=self.uptime - earlier.uptime)


class Suspicion(StrEnum):
    """What seems to have happened to the clock."""

    LEAPT = "it leapt ahead"
    LONG_OFF = "it is weeks ahead, and the machine was started since"
    SET_BACK = "it is behind the last run"


_STEADY = {Suspicion.LEAPT: AFTER_LEAP, Suspicion.LONG_OFF: AFTER_BOOT, Suspicion.SET_BACK: AFTER_BOOT}


def suspicion(now: ClockReading, last: ClockReading, doubted: ClockReading | None) -> Suspicion | None:
    """Returns what is wrong with the clock since the ``last`` run that believed it; None if it is to be believed.

    ``doubted`` is the reading since which it has been doubted without a break, None if it was not.
    """
    suspected = _suspicion(now, last)
    if suspected is None or (
        doubted is not None and is_even(now, doubted) and now.time - doubted.time >= _STEADY[suspected]
    ):
        return None
    return suspected


def is_even(now: ClockReading, earlier: ClockReading) -> bool:
    """Returns whether the clock has gone as fast as the machine's uptime since the ``earlier`` reading, in one boot."""
    leap = now.leap_since(earlier)
    return leap is not None and abs(leap) <= TOLERANCE


def _suspicion(now: ClockReading, last: ClockReading) -> Suspicion | None:
    passed, leap = now.time - last.time, now.leap_since(last)
    if passed < -TOLERANCE:
        return Suspicion.SET_BACK
    if leap is None:
        return Suspicion.LONG_OFF if passed > OFF else None
    return Suspicion.LEAPT if leap > LEAP else None
