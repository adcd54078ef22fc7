"""A circuit breaker: nobody is sent to a provider that fails until a probe has found it well again.

Failures of requests alone never open it, since a text or a client may be at fault. They make the provider a suspect;
then a check with a known word decides.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from enum import StrEnum

CALLS = 6
"""The last calls that are looked at."""
FAILURES = 3
"""Failures among the last CALLS: so many in a row make a suspect, and so does failing every other time."""
FIRST_COOL_DOWN = 1.0
"""Seconds before the first probe; a model that was reloaded or a server that restarted is back about then."""
LONGEST_COOL_DOWN = 60.0
"""Seconds that the doubling ends at: so late at most is it noticed that a provider is well again."""


class BreakerState(StrEnum):
    """The state of a breaker, which says whose requests it lets through."""

    CLOSED = "closed"
    """Every request."""
    SUSPECTED = "suspected"
    """Every request, while a check finds out whether the provider or its texts are at fault."""
    OPEN = "open"
    """No request."""
    HALF_OPEN = "half_open"
    """The probe that is under way."""


class Breaker:
    """The circuit breaker of one provider; all calls come from one thread, the event loop's.

    The caller of the provider notes ``epoch`` as the call begins and hands it to ``record`` with the result. The epoch
    changes with every opening, so a call that began before one is known by it however late it ends: it neither closes
    the breaker, for its success says nothing of the time since; nor lengthens the cool-down, for its failure is of the
    trouble that is known; nor counts once the breaker has closed again. Three calls that hung when the provider went
    down and time out after it came back would otherwise open it a second time.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = BreakerState.CLOSED
        self.epoch = 0
        """The number of times that it has opened."""
        self.cool_down = FIRST_COOL_DOWN
        """Seconds between an opening and its probe: of this opening, or when closed of the next."""
        self._clock = clock
        self._opened = 0.0
        self._recent: deque[bool] = deque(maxlen=CALLS)

    @property
    def closed(self) -> bool:
        """Whether requests may be sent to the provider."""
        return self.state in (BreakerState.CLOSED, BreakerState.SUSPECTED)

    @property
    def probe_due(self) -> bool:
        """Whether it is open and has cooled down: time for a probe in the background, not for a user's request."""
        return self.state is BreakerState.OPEN and self._clock() - self._opened >= self.cool_down

    def record(self, ok: bool, epoch: int) -> bool:
        """A call that began in ``epoch`` has ended; returns whether it is one failure too many.

        If so the caller checks the provider at once, and says what came of it by ``acquit`` or ``trip``. What ends
        until then changes nothing.
        """
        if self.state is not BreakerState.CLOSED or epoch != self.epoch:
            return False
        self._recent.append(ok)
        if self._recent.count(False) < FAILURES:
            return False
        self.state = BreakerState.SUSPECTED
        return True

    def acquit(self) -> None:
        """The suspect has passed a check: its failures were the fault of their texts, and are forgotten."""
        if self.state is BreakerState.SUSPECTED:
            self.state = BreakerState.CLOSED
            self._recent.clear()

    def trip(self) -> None:
        """Opens it at once, if it is closed: a check failed, or the provider is lost.

        An open breaker keeps its cool-down, and a probe under way decides for itself.
        """
        if self.closed:
            self._open()

    def begin_probe(self) -> None:
        """Begins a probe that is due. The caller ends it by ``succeeded`` or ``failed``, whatever happens.

        Raises RuntimeError when none is due.
        """
        if not self.probe_due:
            raise RuntimeError(f"no probe is due, the breaker is {self.state}")
        self.state = BreakerState.HALF_OPEN

    def succeeded(self) -> None:
        """The probe found the provider well: all is forgotten. Raises RuntimeError when none is under way."""
        self._end_probe()
        self.state = BreakerState.CLOSED
        self.cool_down = FIRST_COOL_DOWN

    def failed(self) -> None:
        """The probe failed: the next one comes later. Raises RuntimeError when none is under way."""
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
