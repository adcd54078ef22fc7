"""The drift job: ingests rows, judges windows in order, stores each, then delivers it; a crash loses none.

Work that is repeated after a crash has the same result: rows record what was read, a window counts as judged from the
moment when its folder is renamed into place, and deliveries are recorded one by one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pandas as pd

from drift import files
from drift.errors import ClockSuspect, DriftError, ReferenceDamaged, ReferenceImpossible, ReferenceIncompatible
from drift.outputs.annotation import annotation
from drift.outputs.gauges import Gauges, GaugeValues
from drift.outputs.outbox import Outbox
from drift.reference.calibration import calibrate
from drift.reference.past import usable
from drift.reference.reference import Calibration, Reference
from drift.reports import index, page, wording
from drift.reports.column_values import column_values
from drift.retention import forget
from drift.rows.ingest_report import IngestReport
from drift.rows.store import Rows
from drift.settings import Settings
from drift.state.clock import ClockReading, is_even, suspicion
from drift.state.state_folder import (
    ANNOTATION,
    EVIDENTLY_HTML,
    EVIDENTLY_JSON,
    PAGE,
    REMEMBERED,
    DeliveryRecord,
    LastRun,
    StateFolder,
    name_of,
    write_outputs,
    write_verdict,
)
from drift.verdict.evidently_report import EvidentlyReport
from drift.verdict.judge import judge
from otel.contract.drift_verdict import Verdict, VerdictState

log = logging.getLogger("ttscope.drift.job")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
UNUSABLE = frozenset({VerdictState.REFERENCE_DAMAGED, VerdictState.REFERENCE_INCOMPATIBLE})


@dataclass(frozen=True, slots=True)
class RunResult:
    """The windows that a run judged, and what it left undone."""

    judged: tuple[Verdict, ...]
    """The windows that this run judged, oldest first."""
    last: Verdict | None
    """The last window of the state folder, regardless of which run judged it."""
    undelivered: dict[str, str] = field(default_factory=dict)
    """The outputs that could not be reached, and the reasons."""
    waiting: int = 0
    """Bytes of events after the last newline of their files; lines are read when they are complete."""


class Judge(Protocol):
    """Judges a window, as drift.verdict.judge.judge does."""

    def __call__(  # noqa: PLR0917 - as judge has it
        self,
        start: datetime,
        end: datetime,
        rows: pd.DataFrame,
        count: int,
        reference: Reference | DriftError | None,
        previous: Sequence[Verdict],
        *,
        consecutive: int,
        minimum_rows: int,
    ) -> tuple[Verdict, EvidentlyReport | None]:
        """Returns the verdict, and Evidently's report if there is one."""


class DriftJob:
    """The work on one state folder; the caller holds its lock."""

    def __init__(
        self,
        settings: Settings,
        *,
        state: StateFolder,
        rows: Rows,
        outbox: Outbox,
        gauges: Gauges,
        judging: Judge = judge,
        clock: Callable[[], ClockReading] = ClockReading.current,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._settings = settings
        self._state = state
        self._rows = rows
        self._outbox = outbox
        self._gauges = gauges
        self._judging = judging
        self._clock = clock
        self._stopping = stopping

    def run(self, *, trust_clock: bool = False) -> RunResult:
        """Judges the windows that are due. Raises DriftError, OSError; in any case the gauges show the result.

        Raises ClockSuspect, and does nothing, while the clock can't be trusted, unless ``trust_clock`` is set.
        """
        clock = self._clock()
        self._check_clock(clock, trust=trust_clock)
        try:
            result = self._run(clock.time)
        except Exception as error:
            self.show(LastRun(self._clock(), succeeded=False, problem=type(error).__name__))
            raise
        unusable = result.last.state if result.last is not None and result.last.state in UNUSABLE else ""
        self.show(LastRun(self._clock(), succeeded=not unusable, problem=str(unusable)))
        return result

    def _check_clock(self, now: ClockReading, *, trust: bool) -> None:
        """Raises ClockSuspect if the clock can't be trusted; otherwise sets aside windows that begin in the future."""
        state, last_run = self._state, self._state.last_run()
        doubted, judged_until = state.doubted(), state.judged_until()
        last = last_run.clock if last_run else ClockReading(judged_until) if judged_until else None
        suspected = suspicion(now, last, doubted) if last and not trust else None
        if last is not None and suspected is not None:
            if doubted is None or not is_even(now, doubted):
                state.doubt(now)
            self._gauges.suspect_clock()
            raise ClockSuspect(
                f"the clock says {now.time:%Y-%m-%d %H:%M} UTC and can't be believed, {suspected}: the last run was at "
                f"{last.time:%Y-%m-%d %H:%M}. Nothing was judged or deleted; see drift/README.md, The clock"
            )
        state.doubt(None)
        if ahead := state.set_aside(now.time):
            log.warning("windows of the future were set aside", extra={"windows": len(ahead), "from": ahead[0]})

    def _run(self, now: datetime) -> RunResult:
        ingested = self.ingest(now)
        judged = [self.judge(start) for start in self.due(now)]
        undelivered = self._outbox.deliver(self._state)
        index.write(self._state, self._settings.window)
        forget(self._state, self._rows, self._outbox, self._settings, now=now, failed=undelivered)
        last = self._state.verdicts(most=1)
        return RunResult(tuple(judged), last[0] if last else None, undelivered, ingested.waiting)

    def ingest(self, now: datetime) -> IngestReport:
        """Ingests new events as rows, and returns the report."""
        report = self._rows.ingest(self._settings.events, now=now, judged_until=self._state.judged_until())
        problems = report.problems()
        log.info("rows were taken", extra={"rows": report.rows, "lines": report.lines, "problems": problems})
        return report

    def due(self, now: datetime) -> Iterator[datetime]:
        """Yields the starts of windows that have ended and are not judged, oldest first."""
        window = self._settings.window
        first = self._state.judged_until() or self._rows.first()
        if first is None:
            return
        end = floor(now - timedelta(seconds=self._settings.grace_seconds), window)
        horizon = end - self._settings.catch_up_windows * window
        start = ceiling(first, window) if self._state.judged_until() else floor(first, window)
        if start < horizon:
            log.warning("windows are left out: backfill judges them", extra={"from": f"{start}", "until": f"{horizon}"})
            start = horizon
        while start < end and not self._stopping():
            yield start
            start += window

    def judge(self, start: datetime, *, old: bool = False) -> Verdict:
        """Judges the window that begins at ``start``, stores its folder, and returns the verdict."""
        end = start + self._settings.window
        window = self._rows.window(start, end, most=self._settings.most_rows)
        previous = self._state.verdicts(before=start, most=REMEMBERED)
        reference = self._reference(start)
        verdict, evidence = self._judging(
            start,
            end,
            window.frame,
            window.count,
            reference,
            previous,
            consecutive=self._settings.consecutive,
            minimum_rows=self._settings.minimum_rows,
        )
        text = wording.verdict_text(verdict, previous)
        transition = None if old else wording.transition(verdict, previous)  # old windows send no notifications
        outputs = DeliveryRecord(self._outbox.due(verdict, transition), transition=transition)
        shown = page.render(
            verdict,
            previous,
            column_values(window.frame, reference, page.charted(verdict), start, end)
            if isinstance(reference, Reference)
            else {},
            evidently=evidence is not None,
        )
        self._state.keep(
            start, lambda folder: _fill(folder, verdict, evidence, text=text, shown=shown, outputs=outputs)
        )
        log.info("a window was judged", extra={"window": name_of(start), "state": str(verdict.state), "text": text})
        return verdict

    def backfill(self, start: datetime, end: datetime, *, again: bool) -> RunResult:
        """Judges the windows from ``start`` to ``end`` that are not judged, or all of them ``again``."""
        window = self._settings.window
        now = self._clock().time
        ingested = self.ingest(now)
        judged = []
        moment = floor(start, window)
        known = set(self._state.names())
        while moment + window <= min(end, now) and not self._stopping():
            if again or name_of(moment) not in known:
                judged.append(self.judge(moment, old=True))
            moment += window
        undelivered = self._outbox.deliver(self._state)
        index.write(self._state, window)
        last = self._state.verdicts(most=1)
        return RunResult(tuple(judged), last[0] if last else None, undelivered, ingested.waiting)

    def calibrate(self, start: datetime, end: datetime) -> Reference:
        """Makes the windows from ``start`` to ``end`` the reference. Raises ReferenceImpossible."""
        self.ingest(self._clock().time)
        return self._calibrate(list(grid(start, end, self._settings.window)))

    def calibrate_last_stable(self) -> Reference:
        """Makes the last stable windows the reference, or, if none was stable, the last ones with enough rows.

        Raises ReferenceImpossible.
        """
        now = self._clock().time
        self.ingest(now)
        verdicts = self._state.verdicts(most=4 * self._settings.reference_windows)
        enough = [v for v in verdicts if v.rows >= self._settings.minimum_rows]
        stable = usable([v for v in verdicts if v.state is not VerdictState.NO_REFERENCE], self._settings.minimum_rows)
        starts = stable or [v.start for v in enough if v.state is VerdictState.NO_REFERENCE]
        if not starts and not verdicts and (first := self._rows.first()):
            starts = list(grid(first, now, self._settings.window))
        return self._calibrate(starts[-self._settings.reference_windows :])

    def show(self, run: LastRun) -> None:
        """Shows ``run`` on the gauges, and stores it for the next process."""
        last = self._state.verdicts(most=1)
        shown = last[0] if last else None
        self._gauges.show(GaugeValues(shown, self._state.decided(), run.time, run.succeeded, clock_suspect=False))
        self._state.note_run(run)

    def _reference(self, start: datetime) -> Reference | DriftError | None:
        """Returns the reference for the window at ``start``; None before the first, the error if it can't be used."""
        try:
            current = self._state.reference()
            return self._renewed(current, start) if self._settings.automatic else current
        except (ReferenceDamaged, ReferenceIncompatible) as error:
            log.error("the reference can't be used: calibrate anew", extra={"reason": str(error)})
            return error

    def _renewed(self, current: Reference | None, start: datetime) -> Reference | None:
        """Makes the first reference after a day and a calibrated one after a week, unless a user has made one."""
        if current is not None and current.state is not Calibration.COLD:
            return current
        least = self._settings.reference_windows if current else self._settings.cold_windows
        verdicts = self._state.verdicts(before=start, most=2 * least)
        starts = usable(verdicts, self._settings.minimum_rows)
        if len(starts) < least:
            return current
        try:
            return self._calibrate(starts[-least:])
        except ReferenceImpossible as error:  # their rows were deleted
            log.warning("no reference can be made by itself", extra={"reason": str(error)})
            return current

    def _calibrate(self, starts: Sequence[datetime]) -> Reference:
        settings = self._settings
        reference = calibrate(
            self._frames(starts),
            deviations=settings.deviations,
            consecutive=settings.consecutive,
            least_windows=settings.reference_windows,
            minimum_rows=settings.minimum_rows,
            window_seconds=settings.window_seconds,
            created=self._clock().time,
        )
        self._state.use(reference)
        log.info("a reference was made", extra={"reference": reference.id, "state": str(reference.state)})
        return reference

    def _frames(self, starts: Sequence[datetime]) -> Iterator[tuple[datetime, pd.DataFrame]]:
        for start in starts:
            window = self._rows.window(start, start + self._settings.window, most=self._settings.most_rows)
            yield start, window.frame


def floor(time: datetime, window: timedelta) -> datetime:
    """Returns the start of the window that ``time`` is in."""
    return EPOCH + (time - EPOCH) // window * window


def ceiling(time: datetime, window: timedelta) -> datetime:
    """Returns the first start of a window that is not before ``time``."""
    return floor(time + window - timedelta(microseconds=1), window)


def grid(start: datetime, end: datetime, window: timedelta) -> Iterator[datetime]:
    """Yields the starts of the whole windows from ``start`` to ``end``; the first window is the one ``start`` is in."""
    moment = floor(start, window)
    while moment + window <= end:
        yield moment
        moment += window


def _fill(
    folder: Path, verdict: Verdict, evidence: EvidentlyReport | None, *, text: str, shown: str, outputs: DeliveryRecord
) -> None:
    """Writes the files of a window's folder."""
    if evidence is not None:
        evidence.save_html(str(folder / EVIDENTLY_HTML))
        files.write(folder / EVIDENTLY_JSON, evidence.json())
    files.write(folder / PAGE, shown)
    files.write_json(folder / ANNOTATION, annotation(verdict, text))
    write_outputs(folder, outputs)
    write_verdict(folder, verdict)
