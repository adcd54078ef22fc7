"""The recogniser at the lowest priority, for clips that nobody waits for: it runs while the machine has time left."""

from __future__ import annotations

import os

from server.verification import recogniser
from server.verification.recogniser import handle

__all__ = ["handle", "prepare"]

LEAST_PRIORITY = 19


def prepare() -> None:
    """Lowers the priority of this process and all that it forks, then prepares the recogniser."""
    os.nice(LEAST_PRIORITY)
    recogniser.prepare()
