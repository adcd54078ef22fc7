"""A circuit breaker: a failing provider gets no requests until a probe succeeds.

Failed requests alone never open it, since a text or a client may be the cause. They make the provider a suspect; then a
check with a known word decides.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

CALLS = 6
"""The number of most recent calls that count."""
FAILURES = 3
"""Failures among the last CALLS that make a suspect: so many in a row, or every other call."""
FIRST_COOL_DOWN = 1.0
"""Seconds before the first probe; a reloaded model or a restarted server is back by about then."""
LONGEST_COOL_DOWN = 60.0
"""Seconds at which the doubling stops: the longest delay until a recovery is noticed."""


class BreakerState(StrEnum):
    """The state of a breaker; each one says which calls it allows."""

    CLOSED = "closed"
    """Every request."""
    SUSPECTED = "suspected"
    """Every request, while a check determines whether the provider or the texts are at fault."""
    OPEN = "open"
    """No request."""
    HALF_OPEN = "half_open"
    """Only the running probe."""


class Breaker:
    """The circuit breaker of one provider; used by the event loop's thread alone.

    The caller reads ``epoch`` when a call begins and passes it to ``record`` with the result. Every opening increments
    the epoch, so a call that began before an opening is ignored however late it ends. It does not close the breaker,
    since its success says nothing about the time since; it does not extend the cool-down, since its failure belongs to
    a known outage; and it does not count after the breaker has closed. Otherwise three calls that hung when the
    provider went down and timed out after it recovered would open the breaker a second time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = BreakerState.CLOSED
        self.epoch = 0
        """The number of openings so far."""
        self.cool_down = FIRST_COOL_DOWN
        """Seconds between an opening and its probe: of the current opening or, when closed, of the next one."""
        self._clock = clock
        self._opened = 0.0
        self._recent: deque[bool] = deque(maxlen=CALLS)

    @property
    def closed(self) -> bool:
        """Whether requests may be sent to the provider."""
        return self.state in (BreakerState.CLOSED, BreakerState.SUSPECTED)

    @property
    def probe_due(self) -> bool:
        """Whether it is open and has cooled down, so that a background probe (not a user's request) may try."""
        return self.state is BreakerState.OPEN and self._clock() - self._opened >= self.cool_down

    def record(self, ok: bool, epoch: int) -> bool:
        """Records the result of a call that began in ``epoch``; returns whether the provider is now a suspect.

        The caller then checks the provider immediately and calls ``acquit`` or ``trip``. Calls that end before that
        change nothing.
        """
        if self.state is not BreakerState.CLOSED or epoch != self.epoch:
            return False
        self._recent.append(ok)
        if self._recent.count(False) < FAILURES:
            return False
        self.state = BreakerState.SUSPECTED
        return True

    def acquit(self) -> None:
        """Clears a suspect that passed a check: the texts caused its failures, which are discarded."""
        if self.state is BreakerState.SUSPECTED:
            self.state = BreakerState.CLOSED
            self._recent.clear()

    def trip(self) -> None:
        """Opens a closed breaker immediately: a check failed, or the provider is lost.

        An open breaker keeps its cool-down, and a running probe decides by its own result.
        """
        if self.closed:
            self._open()

    def begin_probe(self) -> None:
        """Begins a probe that is due. The caller must always end it with ``succeeded`` or ``failed``.

        Raises RuntimeError when none is due.
        """
        if not self.probe_due:
            raise RuntimeError(f"no probe is due, the breaker is {self.state}")
        self.state = BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """Closes the breaker and resets it after a successful probe. Raises RuntimeError when no probe is running."""
        self._end_probe()
        self.state = BreakerState.CLOSED
        self.cool_down = FIRST_COOL_DOWN

    def failed(self) -> None:
        """Opens it again with a longer cool-down after a failed probe. Raises RuntimeError when no probe is running."""
        self._end_probe()
        self.cool_down = min(2 * self.cool_down, LONGEST_COOL_DOWN)
        self._open()

    def _end_probe(self) -> None:
        if self.state is not BreakerState.HALF_OPEN:
            raise RuntimeError(f"no probe is under way, the breaker is {self.state}")

    def _open(self) -> None:
        self.state = BreakerState.OPEN
        self.epoch += 1
        self._opened = self._clock()
        self._recent.clear()
