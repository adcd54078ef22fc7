"""Runs the job whenever a window has ended, one run at a time, until a signal."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

log = logging.getLogger("ttscope.drift.schedule")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
LEAST_GRACE = timedelta(seconds=1)
LOOK_SECONDS = 30.0
"""The seconds between two checks of the clock."""
JUMP_SECONDS = 60.0
"""The maximum number of seconds that the clock may gain or lose in between without a jump."""
JOB, CHANGE_JOB = "drift", "changes"


class WindowSchedule:
    """Calls ``run`` at once, and then ``grace`` after the end of each window.

    A call that is due while the last one still runs is skipped, and missed calls (the machine slept, a run took long)
    are merged into one, which judges all missed windows. An error in ``run`` ends only that run. When the clock jumps,
    ``run`` is called at once, and the next times follow the new clock: a run that was planned by a clock years ahead
    would be years late.
    """

    def __init__(
        self,
        run: Callable[[], None],
        window: timedelta,
        grace: timedelta,
        *,
        clock: Callable[[], float] = time.time,
        look_seconds: float = LOOK_SECONDS,
        change_run: Callable[[], None] | None = None,
        change_seconds: int = 60,
    ) -> None:
        """``clock`` is checked for jumps every ``look_seconds``; ``change_run`` is called every ``change_seconds``,
        never while ``run`` is."""
        self._run = run
        self._clock = clock
        self._look_seconds = look_seconds
        self._window = window
        self._grace = max(grace, LEAST_GRACE)
        self._change_run, self._change_seconds = change_run, change_seconds
        self._one_at_a_time = threading.Lock()
        self.stopping = threading.Event()
        """Set when the schedule must stop; a run that judges many windows checks it between two."""

    def serve(self) -> None:
        """Runs until SIGINT, SIGTERM or SIGHUP, and returns when the current run has ended.

        The signals are waited for, not handled: a handler that sets an event can meet the event's own lock.
        """
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # first, since threads inherit it
        try:
            self.until(lambda: log.info("stopping", extra={"signal": signal.Signals(signal.sigwait(SIGNALS)).name}))
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def until(self, wait: Callable[[], object]) -> None:
        """Runs until ``wait`` returns, and then until the current run has ended."""
        scheduler = BackgroundScheduler(timezone=UTC, daemon=False)
        scheduler.add_job(
            self._guarded,
            args=(self._run,),
            trigger=IntervalTrigger(seconds=int(self._window.total_seconds()), start_date=self._first(), timezone=UTC),
            id=JOB,
            next_run_time=datetime.now(UTC),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        if self._change_run is not None:
            scheduler.add_job(
                self._guarded,
                IntervalTrigger(seconds=self._change_seconds, timezone=UTC),
                args=(self._change_run,),
                id=CHANGE_JOB,
                next_run_time=datetime.now(UTC),
                max_instances=1,
                coalesce=True,
                misfire_grace_time=None,
            )
        scheduler.start()
        threading.Thread(target=self._watch_clock, args=(scheduler,), name="clock", daemon=True).start()
        try:
            wait()
        finally:
            self.stopping.set()
            scheduler.shutdown(wait=True)

    def _watch_clock(self, scheduler: BackgroundScheduler) -> None:
        offset = self._clock() - time.monotonic()
        while not self.stopping.wait(self._look_seconds):
            before, offset = offset, self._clock() - time.monotonic()
            if abs(offset - before) > JUMP_SECONDS:
                log.warning("the clock jumped", extra={"seconds": round(offset - before)})
                scheduler.modify_job(JOB, next_run_time=datetime.now(UTC))

    def _first(self) -> datetime:
        """Returns a past time at which a window and its grace had ended, from which later times are counted."""
        return datetime(2020, 1, 1, tzinfo=UTC) + self._grace

    def _guarded(self, run: Callable[[], None]) -> None:
        with self._one_at_a_time:
            if self.stopping.is_set():
                return
            try:
                run()
            except Exception:
                log.exception("the run failed; the next one catches up")
