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

from drift.bucket_address import EventSource, event_argument
from drift.settings import Settings, load, unknown_variables
from otel.support.environment import SettingsError
from otel.support.private_logs import PrivateFormatter, configure

OK, FAILED, WRONG, DRIFT, UNDECIDED, REFERENCE = 0, 1, 2, 3, 4, 5
CODES = """exit codes: 0 stable, 3 drift (of compare: different, of gate: worse), 4 too little data or no reference, 5
the reference can't be used, 2 wrong arguments or settings, 1 anything else. Settings are TTSCOPE_DRIFT_*: see
drift/README.md."""
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
    parser = _parser()
    given = parser.parse_args(arguments)
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


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--events",
        nargs="+",
        type=event_argument,
        metavar="PATH",
        help="files of OTLP JSON lines, folders, or s3://...",
    )
    common.add_argument("--state", type=Path, metavar="DIR", help="where everything is kept (default var/drift)")
    parser = argparse.ArgumentParser(prog="python -m drift", description=__doc__, epilog=CODES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[Settings, argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        subparser = commands.add_parser(name, parents=[common], help=text, description=text, epilog=CODES)
        subparser.set_defaults(command=run)
        return subparser

    subparser = command("run", _run, "judge the windows that have ended since the last run")
    subparser.add_argument("--trust-clock", action="store_true", help="believe a clock that the job would not believe")
    command("schedule", _schedule, "run after every window, until SIGTERM")
    subparser = command("calibrate", _calibrate, "make a reference: of a period, or of the last stable windows")
    subparser.add_argument(
        "--from", dest="start", metavar="TIME", help="its begin, by ISO 8601; UTC unless it says otherwise"
    )
    subparser.add_argument("--to", dest="end", metavar="TIME", help="its end")
    subparser.add_argument("--last-stable", action="store_true", help="the default without --from and --to")
    command("train", _train, "train the prediction model now; promote it if it is better")
    subparser = command("backfill", _backfill, "judge the windows of a period that were never judged")
    subparser.add_argument("--from", dest="start", metavar="TIME", required=True)
    subparser.add_argument("--to", dest="end", metavar="TIME", required=True)
    subparser.add_argument("--again", action="store_true", help="also those that were")
    subparser = command(
        "report", _report, "say in words what the last windows were, or what a month cost or used, and write the pages"
    )
    subparser.add_argument("--windows", type=int, default=1, metavar="N", help="how many (default %(default)s)")
    subparser.add_argument("--cost", action="store_true", help="the costs of a month: HTML, CSV and JSON")
    subparser.add_argument("--usage", action="store_true", help="the usage of a month, with a forecast: HTML and CSV")
    subparser.add_argument("--month", metavar="YYYY-MM", help="of --cost and --usage (default: the present one)")
    subparser = command("compare", _compare, "judge two builds, voices or periods at equal length; 3 if they differ")
    subparser.add_argument(
        "a", metavar="A", help="build:NAME, voice:NAME, FROM/TO, or several of them joined by commas"
    )
    subparser.add_argument("b", metavar="B")
    subparser.add_argument(
        "--from", dest="start", metavar="TIME", help="of the requests looked at (default: a week ago)"
    )
    subparser.add_argument("--to", dest="end", metavar="TIME", help="(default: now)")
    subparser = command(
        "gate",
        _gate,
        "wait for the verdict on a build beside or after the others: 3 as soon as it is surely worse, 0 as soon as it "
        "is no worse, or if its time is over, 4 if there were too few requests by then",
    )
    subparser.add_argument("--build", required=True, metavar="BUILD", help="the new build, by its TTSCOPE_BUILD")
    subparser.add_argument(
        "--seconds", type=float, default=3600.0, metavar="S", help="its time (default %(default)g; 0: judge once)"
    )
    subparser.add_argument(
        "--poll", type=float, default=5.0, metavar="S", help="between two looks (default %(default)g)"
    )
    subparser.add_argument(
        "--latency-margin", type=float, default=1.15, metavar="RATIO", help="no worse: within (default %(default)g)"
    )
    subparser.add_argument("--failures-margin", type=float, default=0.03, metavar="SHARE", help="(default %(default)g)")
    subparser.add_argument(
        "--word-error-rate-margin", type=float, default=0.03, metavar="SHARE", help="(default %(default)g)"
    )
    return parser


def _fail(message: str, code: int) -> int:
    print(f"ttscope-drift: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    faulthandler.enable()
    sys.exit(main())
