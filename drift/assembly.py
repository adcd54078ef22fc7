"""Assembles the job from the settings: the only module that knows all of its parts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from drift.change_job import ChangeJob
from drift.columns.frame import sample
from drift.errors import ClockSuspect
from drift.gate import Gate
from drift.job import DriftJob
from drift.outputs.change_gauges import ChangeGauges
from drift.outputs.change_outputs import configured_for_changes
from drift.outputs.gauges import Gauges, GaugeValues, over_otlp
from drift.outputs.mlflow_models import ModelRegistry
from drift.outputs.outbox import Outbox
from drift.outputs.outputs import configured
from drift.prediction.shared_model import SharedModel
from drift.prediction.trainer import Trainer
from drift.reports.wording import comparison_text
from drift.rows.store import Rows
from drift.schedule import WindowSchedule
from drift.sequential.builds import BuildVerdict, Margins
from drift.settings import Settings
from drift.state.state_folder import StateBusy, StateFolder
from drift.verdict.comparison import compare
from drift.verdict.selection import Selection

log = logging.getLogger("ttscope.drift.assembly")
MOST_COMPARED = 200_000
"""The maximum number of rows of a period that a comparison samples from, at 100 bytes each."""


@contextmanager
def assembled(settings: Settings, close_seconds: float) -> Iterator[DriftJob]:
    """Yields a job that holds its state folder's lock; exports its gauges once, at the end. Raises StateError."""
    state = StateFolder.open(settings.state)
    with state.lock():
        gauges = _gauges(settings, state)
        try:
            yield _job(settings, state, gauges)
        finally:
            gauges.close(close_seconds)


def scheduled(settings: Settings, close_seconds: float) -> None:
    """Runs window after window until a signal, and exports the gauges meanwhile. Raises StateError."""
    state = StateFolder.open(settings.state)
    gauges = _gauges(settings, state)
    outbox = Outbox(configured(settings))  # shared by all runs: it remembers which output hangs
    schedule: WindowSchedule

    def run() -> None:
        try:
            with state.lock():
                _job(settings, state, gauges, outbox, schedule.stopping.is_set).run()
                trainer(settings).run()
        except StateBusy as error:
            log.warning("this run is left out", extra={"reason": str(error)})
        except ClockSuspect as error:
            log.error("the clock is suspect", extra={"reason": str(error)})

    changes = ChangeGauges(over_otlp() if settings.change_seconds else [], settings.state)
    change_job = _change_job(settings, state, changes)
    change_job.show()

    def check() -> None:
        try:
            with state.lock():
                change_job.run()
        except StateBusy as error:
            log.info("new requests are tested later", extra={"reason": str(error)})

    schedule = WindowSchedule(
        run,
        settings.window,
        timedelta(seconds=settings.grace_seconds),
        change_run=check if settings.change_seconds else None,
        change_seconds=settings.change_seconds,
    )
    log.info("the schedule begins", extra={"state": str(settings.state), "window_seconds": settings.window_seconds})
    try:
        schedule.serve()
    finally:
        gauges.close(close_seconds)
        changes.close(close_seconds)


def trainer(settings: Settings) -> Trainer:
    """Returns the trainer of the prediction model; the caller holds the state folder's lock."""
    registry = ModelRegistry(settings.tracking_uri, settings.state / "mlflow", settings.mlflow_seconds)
    shared = None if settings.shared_store is None else SharedModel(settings.shared_store)
    rows = Rows(StateFolder(settings.state).rows)
    return Trainer(settings, rows, registry if settings.mlflow_enabled else None, shared=shared)


def compared(settings: Settings, a: Selection, b: Selection, since: datetime, until: datetime) -> int:
    """Prints how ``a`` and ``b`` differ, and returns the exit code. Raises StateError, DriftError."""
    state = StateFolder.open(settings.state)
    chosen = []
    with state.lock():
        rows = Rows(state.rows)
        rows.ingest(settings.events, now=until, judged_until=state.judged_until())
        for selection in (a, b):
            window = rows.window(selection.start or since, selection.end or until, most=MOST_COMPARED)
            selected = selection.of(window.frame)
            chosen.append(selected.iloc[sample(len(selected), min(len(selected), settings.most_rows))])
    comparison = compare(*chosen)
    print(comparison_text(comparison, a.text, b.text))  # noqa: T201 - a command's output
    return comparison.exit_code


def _change_job(settings: Settings, state: StateFolder, gauges: ChangeGauges) -> ChangeJob:
    outputs = configured_for_changes(settings)
    return ChangeJob(settings, state=state, rows=Rows(state.rows), outputs=outputs, gauges=gauges)


def gated(settings: Settings, build: str, margins: Margins, *, seconds: float, poll_seconds: float) -> BuildVerdict:
    """Returns the verdict on ``build``, within ``seconds``. Raises StateError, DriftError."""
    state = StateFolder.open(settings.state)
    gate = Gate(settings, state=state, rows=Rows(state.rows), build=build, margins=margins)
    return gate.wait(seconds, poll_seconds)


def _gauges(settings: Settings, state: StateFolder) -> Gauges:
    """Returns gauges that show the last process's results until this one has its own."""
    gauges = Gauges(over_otlp(), settings.state)
    last, verdicts = state.last_run(), state.verdicts(most=1)
    shown = verdicts[0] if verdicts else None
    time, succeeded = (last.time, last.succeeded) if last else (None, None)
    gauges.show(GaugeValues(shown, state.decided(), time, succeeded, clock_suspect=state.doubted() is not None))
    return gauges


def _job(
    settings: Settings,
    state: StateFolder,
    gauges: Gauges,
    outbox: Outbox | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> DriftJob:
    outbox = outbox or Outbox(configured(settings))
    return DriftJob(settings, state=state, rows=Rows(state.rows), outbox=outbox, gauges=gauges, stopping=stopping)
