"""The gate of a deployment: waits until a new build is surely worse than the others, or is shown to be no worse."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from drift.columns.reader import Flags
from drift.rows.store import Rows
from drift.sequential import memory as memories
from drift.sequential.builds import FEWEST, BuildComparison, BuildSums, BuildVerdict, Margins
from drift.sequential.confidence import Sample
from drift.sequential.expectation import DAYS, MOST_ROWS, Expectation, fit, key_of, rough
from drift.sequential.request_values import RequestValues, request_values
from drift.settings import Settings
from drift.state.state_folder import StateBusy, StateFolder
from otel.contract.drift_changes import BuildState, ChangeMeasure, Dimension

SERVICE = key_of(ChangeMeasure.LATENCY, Dimension.SERVICE)
BUSY_SECONDS = 60.0
"""The seconds for which the gate waits for another job that holds the state folder."""


class Gate:
    """The comparison of one build with the others of the last week, read anew at each look."""

    def __init__(
        self,
        settings: Settings,
        *,
        state: StateFolder,
        rows: Rows,
        build: str,
        margins: Margins,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = settings
        self._state = state
        self._rows = rows
        self._build = build
        self._margins = margins
        self._now = now
        self._sleep = sleep
        self._expectation: Expectation | None = None

    def wait(self, seconds: float, poll_seconds: float) -> BuildVerdict:
        """Looks every ``poll_seconds`` until there is a verdict, or ``seconds`` are over. Raises DriftError, OSError.

        Then the verdict is UNDECIDED, or PENDING if there were too few requests to judge at all.
        """
        end = self._now() + timedelta(seconds=seconds)
        while True:
            verdict = self.look()
            if verdict.state in (BuildState.WORSE, BuildState.NO_WORSE):
                return verdict
            if self._now() >= end:
                enough = verdict.requests >= FEWEST and bool(verdict.measures)
                state = BuildState.UNDECIDED if enough else BuildState.PENDING
                return msgspec.structs.replace(verdict, state=state)
            self._sleep(min(poll_seconds, max(0.0, (end - self._now()).total_seconds())))

    def look(self) -> BuildVerdict:
        """Returns the verdict so far."""
        now = self._now()
        batch = self._read(now)
        mine = batch.of_build(self._build)
        if not mine.any():
            return BuildVerdict(self._build, BuildState.PENDING, now.timestamp(), now.timestamp(), 0, ())
        since = float(batch.times[mine].min())
        expectation = self._usual(batch, since)
        if expectation is None:
            return BuildVerdict(self._build, BuildState.PENDING, since, now.timestamp(), int(mine.sum()), ())
        residuals = expectation.residuals(batch)
        model = expectation.level(SERVICE)
        before = ~mine & (batch.times < since) & (batch.times >= since - 3600.0) & ~np.isnan(residuals)
        level, variance = _level(residuals[before], model.variance, model.noise)
        comparison = BuildComparison(
            build=self._build,
            since=since,
            level=level,
            variance=variance,
            failures=_sums(batch, ~mine & (batch.times < since), ChangeMeasure.FAILURES),
            word_errors=_sums(batch, ~mine & (batch.times < since), ChangeMeasure.WORD_ERROR_RATE),
        )
        comparison.feed(batch, residuals, np.ones(len(batch), dtype=np.bool_))
        return comparison.verdict(model, self._margins, seconds=float("inf"))

    def _read(self, now: datetime) -> RequestValues:
        """Ingests what is new, and returns the requests of the last week, or a sample of them."""
        end = self._now() + timedelta(seconds=BUSY_SECONDS)
        while True:
            try:
                with self._state.lock():
                    self._rows.ingest(self._settings.events, now=now, judged_until=self._state.judged_until())
                    window = self._rows.window(now - timedelta(days=DAYS), now + timedelta(minutes=5), most=MOST_ROWS)
                    return request_values(window.frame)
            except StateBusy:
                if self._now() >= end:
                    raise
                self._sleep(1.0)

    def _usual(self, batch: RequestValues, since: float) -> Expectation | None:
        """Returns the change job's expectation, or one of the other builds' requests; None if they are too few."""
        if self._expectation is None:
            known = memories.load(self._state.folder).expectation
            others = batch.take(~batch.of_build(self._build))
            self._expectation = known or fit(others, since) or rough(others, since)
        return self._expectation


def _level(residuals: np.ndarray, variance: float, noise: float) -> tuple[float, float]:
    """Returns the level of the hour before the build, and its variance."""
    if not len(residuals):
        return 0.0, variance
    error = noise**2 / len(residuals)
    gain = variance / (variance + error)
    return gain * float(np.clip(residuals, -4 * noise, 4 * noise).mean()), (1.0 - gain) * variance


def _sums(batch: RequestValues, before: Flags, measure: ChangeMeasure) -> BuildSums:
    """Returns the sums of a share with the requests before the build."""
    if measure is ChangeMeasure.FAILURES:
        values = batch.failed[before & batch.attempted].astype(float)
    else:
        values = batch.word_error_rate[before & ~np.isnan(batch.word_error_rate)]
    return BuildSums.before(Sample().with_values(values))
