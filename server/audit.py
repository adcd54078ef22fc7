"""The command line for the audit log: python -m server.audit {verify,show}."""

from __future__ import annotations

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from otel.contract.values import AuditEvent, AuditOutcome
from server.access.audit_chain import Link
from server.access.audit_changes import AUDIT_SECRET, environment_chain
from server.access.audit_check import verify
from server.access.audit_file import AUDIT_FOLDER, HEAD, audit_files
from server.lifecycle.data_folder import add_data_dir

MOST_PROBLEMS = 10
"""The most problems that are printed."""
SHOWN = ("time", "event", "outcome", "key_name", "subject", "reason", "client", "count", "request_id")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status: 1 if the log is not in order, 2 if it can't be read."""
    options = _parser().parse_args(arguments)
    folder = options.data_dir / AUDIT_FOLDER
    try:
        if not (audit_files(folder) or (folder / HEAD).exists()):
            print(f"error: there is no audit log in {folder}", file=sys.stderr)
            return 2
        if options.command == "verify":
            return _verify(folder, options)
        for line in _chosen(folder, options):
            print(line)
    except OSError as error:
        print(f"error: the audit log can't be read: {error.strerror}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m server.audit", description="Verifies and shows the audit log.")
    add_data_dir(parser, "audit/ lies")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("verify", help=f"say which line is broken; reads {AUDIT_SECRET} for the MACs")
    check.add_argument(
        "--head", type=_link, help="NUMBER:DIGEST of an entry noted elsewhere, which must still be there"
    )
    check.add_argument(
        "--keyed-from", type=int, default=1, metavar="NUMBER", help="the first entry that was written with the secret"
    )
    show = commands.add_parser("show", help="show entries, oldest first")
    show.add_argument("--event", action="append", choices=[*AuditEvent], help="only this event; may be repeated")
    show.add_argument("--outcome", choices=[*AuditOutcome], help="only this outcome")
    show.add_argument("--key", help="only the key with this name or identifier")
    show.add_argument("--tenant", help="only this tenant")
    show.add_argument("--subject", help="only what was done to this key, voice, file or path")
    show.add_argument("--client", help="only this client, as entries have it")
    show.add_argument("--request-id", help="only this request")
    show.add_argument("--since", type=_time, help="from this time on, ISO 8601, in UTC unless it has an offset")
    show.add_argument("--until", type=_time, help="before this time")
    show.add_argument("--last", type=int, metavar="N", help="only the last N of these")
    show.add_argument("--json", action="store_true", help="whole lines, as they are in the file")
    return parser


def _verify(folder: Path, options: argparse.Namespace) -> int:
    report = verify(folder, environment_chain(), keyed_from=options.keyed_from, anchor=options.head)
    for remark in report.remarks:
        print(f"note: {remark}")
    for problem in report.problems[:MOST_PROBLEMS]:
        print(f"broken: {problem}", file=sys.stderr)
    if len(report.problems) > MOST_PROBLEMS:
        print(f"broken: and {len(report.problems) - MOST_PROBLEMS} more", file=sys.stderr)
    if report.problems:
        return 1
    print(f"{report.entries} entries in {report.files} files are in order; the last one is {report.last}")
    return 0


def _chosen(folder: Path, options: argparse.Namespace) -> Iterator[str]:
    """Returns the lines that the options choose, in order."""
    found = (
        line.rstrip("\n") if options.json else _row(fields)
        for line, fields in _entries(folder)
        if _matches(fields, options)
    )
    return iter(deque(found, options.last)) if options.last else found


def _entries(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Returns each line that can be read, and its fields."""
    for path in audit_files(folder):
        with path.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                try:
                    fields = json.loads(line)
                except ValueError:
                    continue  # verify says so
                if isinstance(fields, dict):
                    yield line, fields


def _matches(fields: dict[str, Any], options: argparse.Namespace) -> bool:
    time = str(fields.get("time", ""))
    wanted = {name: getattr(options, name) for name in ("outcome", "tenant", "subject", "client", "request_id")}
    return (
        (not options.event or fields.get("event") in options.event)
        and (not options.key or options.key in (fields.get("key_name"), fields.get("key_id")))
        and all(value is None or fields.get(name) == value for name, value in wanted.items())
        and (options.since is None or time >= options.since)
        and (options.until is None or time < options.until)
    )


def _row(fields: dict[str, Any]) -> str:
    """Returns an entry as one line of text; what is not among its common fields stands at the end."""
    hidden = {*SHOWN, "sequence", "program", "key_id", "tenant", "previous", "mac"}
    more = [f"{name}={_text(value)}" for name, value in fields.items() if name not in hidden]
    return "  ".join(
        [f"{fields.get('sequence', '?'):>6}", *(_text(fields[name]) for name in SHOWN if name in fields), *more]
    )


def _text(value: object) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)


def _link(written: str) -> Link:
    sequence, _, digest = written.partition(":")
    try:
        return Link(int(sequence), digest)
    except ValueError:
        raise argparse.ArgumentTypeError("must be like 17:9f86d0..., as verify prints it") from None


def _time(written: str) -> str:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError("must be like 2026-11-29 or 2026-11-29T18:00+01:00") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


if __name__ == "__main__":
    sys.exit(main())
