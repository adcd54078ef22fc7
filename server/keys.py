"""The command line for API keys: python -m server.keys {create,list,revoke,rotate}."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from otel.contract.values import AuditEvent
from otel.support.replaced_file import replaced
from server.access.api_key import IssuedKey, issue
from server.access.audit_changes import audited
from server.access.caller import DEFAULT_TENANT, KeyLimits, Scope
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.access.key_entry import KeyDraft, describe, entry
from server.access.key_record import KeyHash, KeyRecord
from server.access.shared_keys import open_key_database
from server.errors import ServerError
from server.lifecycle.data_folder import add_data_dir
from server.settings import Settings
from server.shared.store_address import shared_files_of_environment

DURATION = re.compile(r"(\d{1,6})([smhd])")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
DAYS_OF_GRACE = 1
LIMITS = tuple(KeyLimits.__dataclass_fields__)
PROGRAM = "keys"
"""What the audit log calls this program."""
ONCE = "The key is shown only now. Send it as Authorization: Bearer, X-API-Key or xi-api-key."


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns the exit status: 1 after an error, which is reported on stderr.

    A new key is written to stdout alone, so that a shell can keep it: KEY=$(python -m server.keys create NAME).
    """
    options = _parser().parse_args(arguments)
    os.umask(0o077)
    try:
        database = open_key_database(options.data_dir, shared_files_of_environment(options.data_dir))
        if options.command == "create":
            _create(database, options)
        elif options.command == "list":
            _list(database, as_json=options.json)
        elif options.command == "revoke":
            with audited(options.data_dir, PROGRAM, AuditEvent.KEY_REVOKED, options.key) as result:
                record = database.revoke(options.key)
                result.fill(record)
            print(f"{record.name} ({record.key_id}) is revoked", file=sys.stderr)
        else:
            with audited(options.data_dir, PROGRAM, AuditEvent.KEY_ROTATED, options.key) as result:
                record, key = database.rotate(options.key, options.grace.total_seconds())
                result.fill(record)
            until = "no longer counts" if not options.grace else f"counts until {_ends(options.grace)}"
            _show(key, f"{record.name} ({record.key_id}) has a new key; the old one {until}.")
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        print(f"error: {''.join(map(str, problem['loc'][:1]))}: {problem['msg']}", file=sys.stderr)
        return 1
    except (ServerError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m server.keys",
        description="Creates, lists, revokes and rotates API keys. A running server follows within a second.",
    )
    add_data_dir(parser, f"{KEYS_FILE} lies")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a key and show it once")
    create.add_argument("name", help="its name in metrics and events: a-z, 0-9, - and _")
    create.add_argument(
        "--scopes",
        type=lambda names: frozenset(names.split(",")),
        default=frozenset({Scope.SPEAK}),
        help=f"what it may do, of {','.join(Scope)} (default: speak)",
    )
    create.add_argument("--tenant", default=DEFAULT_TENANT, help="whose voices it sees (default: %(default)s)")
    create.add_argument("--voices", type=lambda names: frozenset(names.split(",")), help="only these (default: all)")
    create.add_argument("--expires", type=_moment, help="after a time such as 90d, or at an ISO date (default: never)")
    for limit in LIMITS:
        option = f"--{limit.replace('_', '-')}"
        create.add_argument(option, type=int, metavar="N", help="instead of the server's limit; 0: no limit")
    create.add_argument(
        "--entry", action="store_true", help="store nothing; print the entry for TTSCOPE_KEYS_FILE on stderr"
    )
    create.add_argument("--file", type=Path, help="write the key to this file, for its owner alone, not to stdout")
    create.add_argument(
        "--if-missing",
        action="store_true",
        help="do nothing if there is a key of this name, or the server by its settings needs none of this kind",
    )
    listing = commands.add_parser("list", help="show all keys, without their secrets")
    listing.add_argument("--json", action="store_true", help="as JSON")
    revoke = commands.add_parser("revoke", help="end a key at once")
    revoke.add_argument("key", help="its id or name")
    rotate = commands.add_parser("rotate", help="give a key a new secret and show it once")
    rotate.add_argument("key", help="its id or name")
    rotate.add_argument(
        "--grace",
        type=_duration,
        default=timedelta(days=DAYS_OF_GRACE),
        help="how long the old one counts: 12h, 7d, or 0s for not at all (default: 1d)",
    )
    return parser


def _create(database: KeyDatabase, options: argparse.Namespace) -> None:
    limits = {name: getattr(options, name) for name in LIMITS}
    draft = KeyDraft.model_validate(
        {
            "name": options.name,
            "tenant": options.tenant,
            "scopes": options.scopes,
            "expires": options.expires,
            "voices": options.voices,
            "limits": limits,
        }
    ).record()
    if options.if_missing and (_needs_none() or any(known.name == draft.name for known in database.read())):
        return
    if options.entry:
        key = issue()
        record = replace(draft, key_id=key.key_id, created=time.time(), hashes=(KeyHash(key.digest),))
        print(json.dumps(entry(record), indent=2), file=sys.stderr)
    elif options.file is not None:
        with audited(options.data_dir, PROGRAM, AuditEvent.KEY_CREATED, draft.name) as result:
            record = _create_in(options.file, database, draft)
            result.fill(record)
        print(f"{record.name} ({record.key_id}) may {_scopes(record)}: {options.file}", file=sys.stderr)
        return
    else:
        with audited(options.data_dir, PROGRAM, AuditEvent.KEY_CREATED, draft.name) as result:
            record, key = database.create(draft)
            result.fill(record)
    _show(key, f"{record.name} ({record.key_id}) may {_scopes(record)}. {ONCE}")


def _create_in(path: Path, database: KeyDatabase, draft: KeyRecord) -> KeyRecord:
    """Stores a new key and puts its text into a file, whole or not at all."""
    with replaced(path) as file:
        record, key = database.create(draft)
        file.write_text(f"{key.text}\n", encoding="ascii")
    return record


def _needs_none() -> bool:
    """Returns whether the server reads its keys from another file, or is told to let everybody in."""
    settings = Settings()
    return settings.keys_file is not None or settings.allow_anonymous


def _list(database: KeyDatabase, *, as_json: bool) -> None:
    records = database.read()
    if as_json:
        print(json.dumps([describe(record) for record in records], indent=2))
        return
    for record in records:
        described = describe(record)
        voices = "all voices" if record.voices is None else ", ".join(sorted(record.voices))
        ends = f"expires {described['expires']}" if record.expires else "never expires"
        print(f"{record.key_id}  {record.name}  {record.state()}  {_scopes(record)}  {record.tenant}  {voices}  {ends}")
    if not records:
        print("there is no key: python -m server.keys create NAME", file=sys.stderr)


def _show(key: IssuedKey, words: str) -> None:
    print(words, file=sys.stderr)
    print(key.text)


def _scopes(record: KeyRecord) -> str:
    return ",".join(scope for scope in Scope if scope in record.scopes)


def _ends(grace: timedelta) -> str:
    return (datetime.now(UTC) + grace).isoformat(timespec="seconds")


def _duration(written: str) -> timedelta:
    match = DURATION.fullmatch(written)
    if match is None:
        raise argparse.ArgumentTypeError("must be a number and s, m, h or d, such as 12h")
    return timedelta(seconds=int(match[1]) * SECONDS[match[2]])


def _moment(written: str) -> datetime:
    if DURATION.fullmatch(written):
        return datetime.now(UTC) + _duration(written)
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise argparse.ArgumentTypeError("must be a time such as 90d, or a date such as 2027-06-30") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
