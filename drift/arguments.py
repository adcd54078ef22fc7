"""The command line of ``python -m drift``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from drift.bucket_address import event_argument
from drift.settings import Settings

Command = Callable[[Settings, argparse.Namespace], int]
"""Runs one of the commands, and returns the exit code."""
CODES = """exit codes: 0 stable, 3 drift (of compare: different, of gate: worse), 4 too little data or no reference, 5
the reference can't be used, 2 wrong arguments or settings, 1 anything else. Settings are TTSCOPE_DRIFT_*: see
drift/README.md."""


def parser(commands: Mapping[str, Command], description: str) -> argparse.ArgumentParser:
    """Returns the parser of the command line; its result has as ``command`` the one that was chosen of ``commands``."""
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--events",
        nargs="+",
        type=event_argument,
        metavar="PATH",
        help="files of OTLP JSON lines, folders, or s3://...",
    )
    common.add_argument("--state", type=Path, metavar="DIR", help="where everything is kept (default var/drift)")
    whole = argparse.ArgumentParser(prog="python -m drift", description=description, epilog=CODES)
    subparsers = whole.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        subparser = subparsers.add_parser(name, parents=[common], help=text, description=text, epilog=CODES)
        subparser.set_defaults(command=commands[name])
        return subparser

    subparser = command("run", "judge the windows that have ended since the last run")
    subparser.add_argument("--trust-clock", action="store_true", help="believe a clock that the job would not believe")
    command("schedule", "run after every window, until SIGTERM")
    subparser = command("calibrate", "make a reference: of a period, or of the last stable windows")
    subparser.add_argument(
        "--from", dest="start", metavar="TIME", help="its begin, by ISO 8601; UTC unless it says otherwise"
    )
    subparser.add_argument("--to", dest="end", metavar="TIME", help="its end")
    subparser.add_argument("--last-stable", action="store_true", help="the default without --from and --to")
    command("train", "train the prediction model now; promote it if it is better")
    subparser = command("backfill", "judge the windows of a period that were never judged")
    subparser.add_argument("--from", dest="start", metavar="TIME", required=True)
    subparser.add_argument("--to", dest="end", metavar="TIME", required=True)
    subparser.add_argument("--again", action="store_true", help="also those that were")
    subparser = command(
        "report", "say in words what the last windows were, or what a month cost or used, and write the pages"
    )
    subparser.add_argument("--windows", type=int, default=1, metavar="N", help="how many (default %(default)s)")
    subparser.add_argument("--cost", action="store_true", help="the costs of a month: HTML, CSV and JSON")
    subparser.add_argument("--usage", action="store_true", help="the usage of a month, with a forecast: HTML and CSV")
    subparser.add_argument("--month", metavar="YYYY-MM", help="of --cost and --usage (default: the present one)")
    subparser = command("compare", "judge two builds, voices or periods at equal length; 3 if they differ")
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
    return whole
