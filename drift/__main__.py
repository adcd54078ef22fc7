"""``python -m drift``: calibrate, run, schedule, report, backfill, train, compare, gate: see ``--help``."""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drift.arguments import parser
from drift.bucket_address import EventSource
from drift.settings import Settings, load, unknown_variables
from otel.support.environment import SettingsError
from otel.support.private_logs import PrivateFormatter, configure

OK, FAILED, WRONG, DRIFT, UNDECIDED, REFERENCE = 0, 1, 2, 3, 4, 5
CLOSE_SECONDS = 10.0
"""The time limit of the gauges' last export."""

LOG_FIELDS = frozenset(
    {
        "before",
        "from",
        "lines",
        "output",
        "problems",
        "reason",
        "reference",
        "rows",
        "seconds",
        "signal",
        "state",
        "text",
        "until",
        "variable",
        "window",
        "window_seconds",
        "windows",
    }
)
"""The fields of ``extra`` that log lines may have; others are omitted. MLflow and urllib3 log addresses, so only their
warnings are written, without arguments."""

log = logging.getLogger("ttscope.drift.main")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command in ``arguments``, or in sys.argv, and returns the exit code."""
    commands = {
        "run": _run,
        "schedule": _schedule,
        "calibrate": _calibrate,
        "train": _train,
        "backfill": _backfill,
        "report": _report,
        "compare": _compare,
        "gate": _gate,
    }
    given = parser(commands, __doc__).parse_args(arguments)
    try:
        settings = load(events=tuple(given.events) if given.events else None, state=given.state)
        _check_events(given.events)
    except SettingsError as error:
        return _fail(str(error), WRONG)
    os.umask(0o077)  # only this user may read rows, references and runs; pages set their own mode
    configure(PrivateFormatter(LOG_FIELDS), settings.log_level)
    for name in unknown_variables():
        log.warning("an unknown variable is ignored", extra={"variable": name})
    return _guarded(lambda: given.command(settings, given))


def _guarded(command: Callable[[], int]) -> int:
    """Returns the command's exit code, and reports an error in one line: a traceback helps no operator."""
    from drift.accounts.month import MonthError
    from drift.errors import DriftError, ReferenceDamaged, ReferenceImpossible, ReferenceIncompatible
    from drift.verdict.selection import SelectionError

    codes = {
        ReferenceImpossible: UNDECIDED,
        ReferenceDamaged: REFERENCE,
        ReferenceIncompatible: REFERENCE,
        MonthError: WRONG,
    }
    try:
        return command()
    except (SelectionError, SettingsError) as error:
        return _fail(str(error), WRONG)
    except DriftError as error:
        return _fail(str(error), codes.get(type(error), FAILED))
    except OSError as error:
        return _fail(f"{error.filename or 'the disk'}: {error.strerror or type(error).__name__}", FAILED)
    except KeyboardInterrupt:
        return 130


def _run(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import assembled, trainer

    with assembled(settings, CLOSE_SECONDS) as job:
        result = job.run(trust_clock=given.trust_clock)
        trainer(settings).run()
        return _print_result(result, settings)


def _train(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import assembled, trainer
    from drift.prediction.trainer import figures_text

    with assembled(settings, CLOSE_SECONDS) as job:
        job.ingest(datetime.now(UTC))
        own = trainer(settings)
        trained = own.train()
        own.share()
        own.register()
    if trained is None:
        print(f"there are fewer than {settings.prediction_rows} requests whose audio was made by the present build")
        return UNDECIDED
    print(f"{trained.decision}: {figures_text(trained)}")
    print(own.files.trained.absolute())
    return OK


def _schedule(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import scheduled

    scheduled(settings, CLOSE_SECONDS)
    return OK


def _calibrate(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import assembled
    from drift.verdict.selection import SelectionError, moment

    if bool(given.start) != bool(given.end):
        raise SelectionError("calibrate takes both --from and --to, or neither for the last stable windows")
    with assembled(settings, CLOSE_SECONDS) as job:
        if given.start:
            reference = job.calibrate(moment(given.start), moment(given.end))
        else:
            reference = job.calibrate_last_stable()
    print(
        f"reference {reference.id}: {reference.windows} windows with {reference.rows} requests, {reference.state}"
        + ("" if reference.state == "calibrated" else f"; {settings.reference_windows} windows make a calibrated one")
    )
    return OK


def _backfill(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import assembled
    from drift.verdict.selection import moment

    with assembled(settings, CLOSE_SECONDS) as job:
        return _print_result(job.backfill(moment(given.start), moment(given.end), again=given.again), settings)


def _report(settings: Settings, given: argparse.Namespace) -> int:
    from drift.accounting import report_costs, report_usage

    if not (given.cost or given.usage):
        return _report_windows(settings, given)
    for write in [*([report_costs] if given.cost else []), *([report_usage] if given.usage else [])]:
        text, paths = write(settings, given.month)
        print(text, *paths, sep="\n")
    return OK


def _report_windows(settings: Settings, given: argparse.Namespace) -> int:
    from drift.reports import index, wording
    from drift.state.state_folder import StateFolder, name_of

    state = StateFolder.open(settings.state)
    with state.lock():
        index.write(state, settings.window)
    verdicts = state.verdicts(most=max(1, given.windows))
    for number, verdict in enumerate(verdicts):
        print(f"{name_of(verdict.start)}  {verdict.state}: {wording.verdict_text(verdict, verdicts[:number])}")
    if verdicts and (compared := verdicts[-1].context.compared_with):
        print(f"compared with {wording.compared_text(compared)}")
    print((settings.state / "index.html").absolute())
    return _code([verdicts[-1].state]) if verdicts else UNDECIDED


def _compare(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import compared
    from drift.verdict.selection import moment, selection

    until = moment(given.end) if given.end else datetime.now(UTC)
    since = moment(given.start) if given.start else until - timedelta(days=7)
    return compared(settings, selection(given.a), selection(given.b), since, until)


def _gate(settings: Settings, given: argparse.Namespace) -> int:
    from drift.assembly import gated
    from drift.sequential.builds import Margins
    from drift.sequential.news import verdict_text
    from otel.contract.drift_changes import BuildState

    margins = Margins(given.latency_margin, given.failures_margin, given.word_error_rate_margin)
    if not (margins.latency > 1 and 0 < margins.failures < 1 and 0 < margins.word_error_rate < 1):
        raise SettingsError("gate takes a --latency-margin above 1, and other margins between 0 and 1")
    verdict = gated(settings, given.build, margins, seconds=given.seconds, poll_seconds=given.poll)
    print(verdict_text(verdict, margins))
    codes = {BuildState.WORSE: DRIFT, BuildState.PENDING: UNDECIDED}
    return codes.get(verdict.state, OK)


def _print_result(result: object, settings: Settings) -> int:
    from drift.job import RunResult
    from drift.reports import wording
    from drift.state.state_folder import name_of

    assert isinstance(result, RunResult)  # noqa: S101 - for the type checker: imports are late here
    for number, verdict in enumerate(result.judged):
        print(f"{name_of(verdict.start)}  {verdict.state}: {wording.verdict_text(verdict, result.judged[:number])}")
    for output, reason in result.undelivered.items():
        print(f"{output} could not be told and will be in the next run: {reason}", file=sys.stderr)
    if result.waiting:
        print(
            f"{result.waiting} bytes of events were not read: they come after the last newline of their files, and a "
            "line is read when it is whole",
            file=sys.stderr,
        )
    if result.last is None:
        sources = ", ".join(map(str, settings.events))
        print(
            f"no window to judge: there are no requests in {sources} whose window has ended (windows last "
            f"{settings.window_seconds} s and are judged {settings.grace_seconds} s later)"
        )
        return UNDECIDED
    if not result.judged:
        print(f"no new window; the last one, {name_of(result.last.start)}, was {result.last.state}")
    print((settings.state / "windows" / name_of(result.last.start) / "index.html").absolute())
    return _code([*(verdict.state for verdict in result.judged), result.last.state])


def _code(states: Sequence[str]) -> int:
    """Returns the code of drift if any window has it, else the code of the last window."""
    from otel.contract.drift_verdict import VerdictState

    if VerdictState.DRIFT in states:
        return DRIFT
    return {
        VerdictState.INSUFFICIENT_DATA: UNDECIDED,
        VerdictState.NO_REFERENCE: UNDECIDED,
        VerdictState.REFERENCE_DAMAGED: REFERENCE,
        VerdictState.REFERENCE_INCOMPATIBLE: REFERENCE,
    }.get(VerdictState(states[-1]), OK)


def _check_events(given: Sequence[EventSource] | None) -> None:
    """Raises SettingsError for a given path that does not exist; a default one may appear later."""
    wrong = [f"  --events {path}: is not there" for path in given or () if isinstance(path, Path) and not path.exists()]
    if wrong:
        raise SettingsError("\n".join(["there are arguments that can't be used:", *wrong]))


def _fail(message: str, code: int) -> int:
    print(f"ttscope-drift: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main())
