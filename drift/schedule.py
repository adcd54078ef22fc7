"""Runs the job whenever a window has ended, one run at a time, until it is told to stop."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger("ttscope.drift.schedule")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAST_GRACE = timedelta(seconds=1)


class Schedule:
    """Calls ``run`` at once, and then ``grace`` after the end of each window.

    A call that comes while the last one still runs is left out, and calls that were missed (the machine slept, a run
    took long) become one: whatever windows were missed are judged by it. What ``run`` raises ends that run alone.
    """

    def __init__(self, run: Callable[[], None], window: timedelta, grace: timedelta) -> None:
        self._run = run
        self._window = window
        self._grace = max(grace, LEAST_GRACE)
        self.stopping = threading.Event()
        """Set as soon as it is to stop: a run that judges many windows looks at it between two."""

    def serve(self) -> None:
        """Returns after SIGINT, SIGTERM or SIGHUP, when the run that was under way has ended.

        The signals are waited for, not handled: a handler that sets an event can meet the event's own lock.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # first, as threads inherit it
        try:
            self.until(lambda: log.info("stopping", extra={"signal": signal.Signals(signal.sigwait(SIGNALS)).name}))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def until(self, wait: Callable[[], object]) -> None:
        """Works until ``wait`` returns, and then until no run is under way."""
        scheduler = BackgroundScheduler(timezone=UTC, daemon=False)
        scheduler.add_job(
            self._guarded,
            IntervalTrigger(seconds=int(self._window.total_seconds()), start_date=self._first(), timezone=UTC),
            id="drift",
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        scheduler.start()
        try:
            wait()
        finally:
            self.stopping.set()
            scheduler.shutdown(wait=True)

    def _first(self) -> datetime:
        """Of the endless row of times at which a window has ended long enough ago, one in the past."""
        return datetime(2020, 1, 1, tzinfo=UTC) + self._grace

    def _guarded(self) -> None:
        if self.stopping.is_set():
            return
        try:
            self._run()
        except Exception:
            log.exception("the run failed; the next one catches up")
