"""When a program is started again, and when it counts as hung."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential backoff between restarts, and the patience with a program that does not answer; all in seconds."""

    first_delay: float = 0.5
    largest_delay: float = 30.0
    healthy_after: float = 60.0
    """A program that ran for so long begins again with the first delay."""
    check_interval: float = 10.0
    check_timeout: float = 5.0
    missed_checks: int = 3
    """So many checks in a row without an answer, and the program is killed."""
    start_timeout: float = 300.0
    """For the first answer after a restart: a server loads its voices, a store reads its log."""
    stacks_timeout: float = 2.0
    """For a hung program to write its stacks before it is killed."""

    def delay(self, failures: int) -> float:
        """The pause before the next start, after so many failures in a row (at least 1)."""
        return float(min(self.largest_delay, self.first_delay * 2 ** min(failures - 1, 30)))
