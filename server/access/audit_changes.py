"""What the audit log has of a change of keys, whoever makes it: the admin API or a command."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from otel.contract.values import AuditEvent, AuditOutcome
from server.access.audit_chain import Chain
from server.access.audit_entry import AuditEntry, DetailValue
from server.access.audit_file import AUDIT_FOLDER, AuditFile
from server.access.key_record import KeyRecord, KeyStoreError

AUDIT_SECRET = "TTSCOPE_AUDIT_SECRET"  # noqa: S105 - the variable's name
UNLIMITED = 2**62
"""The size of a file, and the number of files, for a command: the server limits them as its settings say."""


@dataclass(slots=True)
class ChangeResult:
    """What a change was made of, which is known at its end."""

    subject: str = ""
    details: Mapping[str, DetailValue] = field(default_factory=dict)

    def fill(self, record: KeyRecord) -> None:
        """Takes what is written of a key: its identifier and name, and what it may do."""
        details: dict[str, DetailValue] = {
            "name": record.name,
            "for_tenant": record.tenant,
            "scopes": tuple(sorted(record.scopes)),
        }
        if record.expires is not None:
            details["expires"] = datetime.fromtimestamp(record.expires, UTC).isoformat(timespec="seconds")
        self.subject, self.details = record.key_id, details


def key_result(record: KeyRecord) -> ChangeResult:
    """Returns what is written of a key."""
    result = ChangeResult()
    result.fill(record)
    return result


def environment_chain() -> Chain:
    """Returns the chain with the secret of the environment, for a command."""
    return Chain(os.environ.get(AUDIT_SECRET, "").encode())


@contextmanager
def audited(data_dir: Path, program: str, event: AuditEvent, subject: str) -> Iterator[ChangeResult]:
    """Writes the start of a command's change, and its end with the result that the caller fills in.

    Raises KeyStoreError before the change is made if its start can't be written.
    """
    file = AuditFile(data_dir / AUDIT_FOLDER, environment_chain(), UNLIMITED, UNLIMITED)
    details: dict[str, DetailValue] = {"user": _user()}
    entry = AuditEntry(event=event, outcome=AuditOutcome.STARTED, program=program, subject=subject, details=details)
    try:
        file.append([entry])
    except OSError as error:
        raise KeyStoreError(f"nothing was changed, since the audit log can't be written: {error.strerror}") from error
    result, outcome = ChangeResult(subject), AuditOutcome.FAILED
    try:
        yield result
        outcome = AuditOutcome.OK
    finally:
        with suppress(OSError):  # the start is there
            end = AuditEntry(event=event, outcome=outcome, program=program, subject=result.subject)
            file.append([replace(end, details={**details, **result.details})])
        file.close()


def _user() -> str:
    """Returns the name of the operating system's user, or its number."""
    number = os.getuid()
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
