"""``python -m tests.faults.shifted_drift SECONDS``: one run of the drift job, with a clock that is so much ahead.

Only what the job reads of the time of day is shifted; what the kernel counts since boot is not, as with a real jump.
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, tzinfo

from drift.__main__ import main
from drift.state import clock

SHIFT = timedelta(seconds=int(sys.argv[1]))


class ShiftedClock:
    """In the place of the class datetime, of which the job's clock needs this one method."""

    @staticmethod
    def now(zone: tzinfo) -> datetime:
        """What a clock that is ahead says."""
        return datetime.now(zone) + SHIFT


if __name__ == "__main__":
    setattr(clock, "datetime", ShiftedClock)  # noqa: B010 - the module does not offer it
    sys.exit(main(["run"]))
