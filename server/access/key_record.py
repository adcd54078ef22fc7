"""The record of a key: what it may do, and the hashes by which it is known."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from server.access.caller import ANONYMOUS, DEFAULT_TENANT, Caller, KeyLimits, Scope
from server.errors import ComponentError

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")
"""The names of keys and of tenants. A key's name is a label of metrics."""
RESERVED = frozenset({ANONYMOUS.name, "other"})
"""Names that labels have already."""


class KeyStoreError(ComponentError):
    """The keys can't be read, or a change of them is not possible; the message says why and contains no key."""


class UnknownKeyError(KeyStoreError):
    """There is no key with this identifier or name, or it was revoked."""


class DraftError(KeyStoreError):
    """A new key can't be as it is described."""

    def __init__(self, param: str, problem: str) -> None:
        super().__init__(f"{param}: {problem}")
        self.param = param


@dataclass(frozen=True, slots=True)
class KeyHash:
    """The SHA-256 of one text of a key."""

    digest: bytes
    expires: float | None = None
    """The Unix time until which it counts after a rotation; None for the newest."""


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key without its text. Times are Unix seconds."""

    key_id: str
    name: str
    hashes: tuple[KeyHash, ...] = field(repr=False)
    tenant: str = DEFAULT_TENANT
    scopes: frozenset[Scope] = frozenset({Scope.SPEAK})
    created: float = 0.0
    expires: float | None = None
    revoked: float | None = None
    voices: frozenset[str] | None = None
    """The voices that it may use; None stands for all."""
    limits: KeyLimits = field(default_factory=KeyLimits)

    def caller(self) -> Caller:
        """Returns who sends requests with this key."""
        return Caller(self.name, self.tenant, self.scopes, self.voices, self.limits, self.key_id)

    def state(self, now: float | None = None) -> str:
        """Returns ``revoked``, ``expired`` or ``valid``."""
        if self.revoked is not None:
            return "revoked"
        moment = time.time() if now is None else now
        return "expired" if self.expires is not None and self.expires <= moment else "valid"


def check_name(name: str, what: str = "name") -> str:
    """Returns ``name``. Raises DraftError if it can't be that of a key or tenant."""
    if not NAME.fullmatch(name) or (what == "name" and name in RESERVED):
        raise DraftError(
            what,
            f"must begin with a lower case letter, have at most 40 of a-z, 0-9, - and _, and not be "
            f"{' or '.join(sorted(RESERVED))}",
        )
    return name


def check_unique(records: Iterable[KeyRecord]) -> dict[str, KeyRecord]:
    """Returns records by identifier. Raises KeyStoreError if two have the same identifier, or the same name and were
    not revoked."""
    by_id: dict[str, KeyRecord] = {}
    names: set[str] = set()
    for record in records:
        if record.key_id in by_id or (record.name in names and record.revoked is None):
            raise KeyStoreError(f"two keys have the id {record.key_id} or the name {record.name}")
        by_id[record.key_id] = record
        if record.revoked is None:
            names.add(record.name)
    return by_id
