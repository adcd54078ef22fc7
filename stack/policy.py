"""The restart policy: when a program is restarted, and when it counts as hung."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential backoff between restarts, and time limits for a program that does not answer; all in seconds."""

    first_delay: float = 0.5
    largest_delay: float = 30.0
    healthy_after: float = 60.0
    """The backoff starts anew with the first delay once a program has run for this long."""
    check_interval: float = 10.0
    check_timeout: float = 5.0
    missed_checks: int = 3
    """The program is killed after this many checks in a row without an answer."""
    start_timeout: float = 300.0
    """The time limit of the first answer after a restart: a server loads its voices, a store reads its log."""
    stacks_timeout: float = 2.0
    """The time that a hung program gets to write its stacks before it is killed."""

    def delay(self, failures: int) -> float:
        """Returns the pause before the next start, after ``failures`` failures in a row (at least 1)."""
        return float(min(self.largest_delay, self.first_delay * 2 ** min(failures - 1, 30)))
