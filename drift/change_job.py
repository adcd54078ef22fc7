"""The change job: one round takes the requests that are new, tests them, and says what was found.

The rows of each commit of the ingest are tested once, and what the tests know is saved with the commit's number.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import pandas as pd

from drift.errors import DriftError
from drift.outputs.change_gauges import ChangeGauges, ChangeValues, ShownChange
from drift.outputs.change_outputs import ChangeOutput
from drift.outputs.outbox import NotDelivered
from drift.reports import changes_page
from drift.rows.store import Rows
from drift.sequential import memory as memories
from drift.sequential.builds import Margins
from drift.sequential.expectation import DAYS, MOST_ROWS, fit
from drift.sequential.memory import Memory, Pending
from drift.sequential.monitor import Report
from drift.sequential.news import News, of_report, of_verdict, ratio
from drift.sequential.request_values import request_values
from drift.settings import Settings
from drift.state.clock import ClockReading, suspicion
from drift.state.state_folder import StateFolder
from otel.contract.drift_changes import BuildState, ChangeMeasure, Dimension

log = logging.getLogger("ttscope.drift.sequential")
REFIT = timedelta(days=1)
"""The age at which an expectation is fitted anew."""
RETRY = timedelta(minutes=10)
"""The time between two attempts to fit the first one."""
MERGED_AFTER = timedelta(hours=1)
"""The age at which the parts of an hour are merged; late rows still come until then."""


class ChangeJob:
    """The rounds on one state folder; the caller holds its lock."""

    def __init__(
        self,
        settings: Settings,
        *,
        state: StateFolder,
        rows: Rows,
        outputs: Sequence[ChangeOutput],
        gauges: ChangeGauges,
        clock: Callable[[], ClockReading] = ClockReading.current,
        margins: Margins | None = None,
    ) -> None:
        self._settings = settings
        self._state = state
        self._rows = rows
        self._outputs = {output.name: output for output in outputs}
        self._gauges = gauges
        self._clock = clock
        self._margins = margins or Margins()

    def run(self) -> list[News]:
        """Makes one round, and returns what was found. Raises DriftError, OSError.

        Does nothing while the clock can't be trusted: the run of the windows says so.
        """
        now, last = self._clock(), self._state.last_run()
        doubted = self._state.doubted()
        if doubted is not None or (last is not None and suspicion(now, last.clock, None) is not None):
            return []
        self._rows.ingest(self._settings.events, now=now.time, judged_until=self._state.judged_until())
        memory = memories.load(self._state.folder)
        self._fit(memory, now.time)
        news = self._test(memory, now.time.timestamp())
        memories.save(self._state.folder, memory)
        self._show(memory, now.time.timestamp())
        changes_page.write(self._state.folder, memory.news, tested=memory.expectation is not None)
        if self._deliver(memory):
            memories.save(self._state.folder, memory)
        self._rows.merge(now.time - MERGED_AFTER, read=memory.commit)
        return news

    def show(self) -> None:
        """Shows on the gauges what the last process knew."""
        memory = memories.load(self._state.folder)
        if memory.monitor.time:
            self._show(memory, None)

    def _fit(self, memory: Memory, now: datetime) -> None:
        """Fits an expectation if there is none or it is a day old; its requests are not tested."""
        seconds = now.timestamp()
        age = (REFIT if memory.expectation else RETRY).total_seconds()
        if 0 <= seconds - memory.fitted < age:
            return
        memory.fitted = seconds
        first = memory.expectation is None
        window = self._rows.window(now - timedelta(days=DAYS), now, most=MOST_ROWS)
        fitted = fit(request_values(_usual(window.frame, memory)), seconds)
        if fitted is None:
            return
        memory.expectation = fitted
        log.info("an expectation was fitted", extra={"rows": fitted.requests, "windows": fitted.hours})
        if first:
            memory.commit = max(self._rows.commits(), default=-1)

    def _test(self, memory: Memory, now: float) -> list[News]:
        """Tests the commits that are new."""
        if memory.expectation is None:
            memory.commit = max(self._rows.commits(), default=-1)
            return []
        found: list[News] = []
        for commit in self._rows.commits(after=memory.commit):
            try:
                frame = self._rows.of_commit(commit)
            except DriftError as error:  # damaged rows are left out, as a window leaves them out
                log.warning("new rows can't be tested", extra={"reason": str(error)})
                frame = None
            memory.commit = commit
            if frame is not None and len(frame):
                for report in memory.monitor.feed(request_values(frame), memory.expectation, now):
                    _remember(memory, report)
                    found.append(of_report(report, now))
        for verdict in memory.monitor.verdicts(memory.expectation, self._margins):
            memory.verdict = verdict
            found.append(of_verdict(verdict, self._margins, now))
        for news in found:
            log.info("a change was found" if news.bad else "news of a change", extra={"text": news.text})
        memory.news += found
        memory.pending += [Pending(news.id, output) for news in found for output in self._outputs]
        return found

    def _deliver(self, memory: Memory) -> bool:
        """Delivers what is due, and returns whether anything was; an output that fails is tried in the next round."""
        failed: set[str] = set()
        left: list[Pending] = []
        known = {news.id: news for news in memory.news}
        for pending in memory.pending:
            output, news = self._outputs.get(pending.output), known.get(pending.news)
            if output is None or news is None:
                continue
            try:
                if pending.output in failed:
                    raise NotDelivered("not again in this round")
                output.deliver(news)
            except NotDelivered as error:
                if pending.output not in failed:
                    log.warning("not delivered", extra={"output": pending.output, "reason": str(error)})
                failed.add(pending.output)
                left.append(pending)
        changed = left != memory.pending
        memory.pending = left
        return changed

    def _show(self, memory: Memory, now: float | None) -> None:
        tested = [ChangeMeasure.LATENCY, ChangeMeasure.FAILURES] if memory.expectation else []
        if any(key.startswith(ChangeMeasure.WORD_ERROR_RATE) for key in memory.monitor.shares):
            tested.append(ChangeMeasure.WORD_ERROR_RATE)
        verdict = memory.verdict
        builds = {each.measure: each.state is BuildState.WORSE for each in verdict.measures} if verdict else {}
        self._gauges.show(ChangeValues(tuple(tested), tuple(map(_shown, memory.monitor.open.values())), builds, now))


def _shown(report: Report) -> ShownChange:
    voice = report.value if report.dimension is Dimension.VOICE else ""
    provider = report.value if report.dimension is Dimension.PROVIDER else ""
    return ShownChange(report.measure, voice, provider, ratio(report), report.change.since)


def _remember(memory: Memory, report: Report) -> None:
    """Notes from a change that ended which requests are usual."""
    change = report.change
    if change.ended is None:
        return
    if not change.is_lasting(change.ended):
        memory.unusual = [*memory.unusual[-99:], (change.since, change.ended)]
    elif report.dimension is Dimension.SERVICE:
        memory.usual_from, memory.fitted = max(memory.usual_from, change.since), 0.0


def _usual(frame: pd.DataFrame, memory: Memory) -> pd.DataFrame:
    """Returns the rows without those of changes."""
    begun = min((report.change.since for report in memory.monitor.open.values()), default=float("inf"))
    kept = frame["time"] >= _moment(memory.usual_from)
    if begun != float("inf"):
        kept &= frame["time"] < _moment(begun)
    for start, end in memory.unusual:
        kept &= (frame["time"] < _moment(start)) | (frame["time"] > _moment(end))
    return frame[kept]


def _moment(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(datetime.fromtimestamp(seconds, UTC))
