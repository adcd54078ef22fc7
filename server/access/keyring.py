"""The keys in memory: a request looks them up here, and nothing that it does waits for a file."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from otel.contract.values import AuthenticationResult
from server.access.api_key import digest, key_id_of
from server.access.caller import Caller
from server.access.key_record import KeyHash, KeyRecord, KeyStoreError, check_unique
from server.logs import LOGGER

POLL_SECONDS = 0.5
"""How often the place of the keys is looked at; that takes 0.02 ms."""
NOBODY = (KeyHash(secrets.token_bytes(32)),)
"""What a key with an unknown identifier is compared with, so that it takes as long as one with a known identifier."""

log = logging.getLogger(f"{LOGGER}.keys")


class KeySource(Protocol):
    """The place of the keys."""

    required: bool
    """Whether requests need a key even while there is none."""

    def changed(self) -> bool:
        """Returns whether the keys may have changed since the last ``read``."""

    def read(self) -> tuple[KeyRecord, ...]:
        """Returns all keys. Raises KeyStoreError."""


@dataclass(frozen=True, slots=True)
class KeyChanges:
    """The names of keys that differ between two readings. A key that is rotated or revoked is ``changed``."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    @classmethod
    def between(cls, before: Mapping[str, KeyRecord], after: Mapping[str, KeyRecord]) -> KeyChanges:
        """Returns the changes from ``before`` to ``after``, which are keys by their identifiers."""
        return cls(
            tuple(record.name for key_id, record in after.items() if key_id not in before),
            tuple(record.name for key_id, record in before.items() if key_id not in after),
            tuple(record.name for key_id, record in after.items() if before.get(key_id, record) != record),
        )


class Keyring:
    """The keys as they were last read. Call ``load`` before the first request, and ``watch`` beside requests.

    Once a key has been read, requests need one for as long as the server runs, whatever becomes of the file.
    """

    def __init__(self, source: KeySource) -> None:
        self.source = source
        self._records: dict[str, KeyRecord] = {}
        self._callers: dict[str, Caller] = {}
        self._reading = Lock()
        self._broken = False
        self.required = True
        """Whether requests need a key."""
        self.on_change: Callable[[KeyChanges], None] = lambda _: None
        """Is called when keys that were read differ from those before, in any thread."""

    @property
    def records(self) -> tuple[KeyRecord, ...]:
        """All keys, the oldest first."""
        return tuple(self._records.values())

    def load(self) -> bool:
        """Reads the keys; returns whether they differ from those before. Raises KeyStoreError; the keys that were read
        before still count then."""
        with self._reading:
            seen = bool(self._records)
            records, before = check_unique(self.source.read()), self._records
            self._callers = {key_id: record.caller() for key_id, record in records.items()}
            self._records = records
            self.required = self.source.required or seen or bool(records)
            changes = KeyChanges.between(before, records)
        if changes:
            self.on_change(changes)
        return bool(changes)

    async def watch(self) -> None:
        """Reads the keys whenever they change, for ever, in a thread."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            await asyncio.to_thread(self._follow)

    def identify(self, text: str, now: float | None = None) -> tuple[AuthenticationResult, KeyRecord | None]:
        """Returns the result for a key, and its record if the text is one of its own."""
        key_id = key_id_of(text)
        if key_id is None:
            return AuthenticationResult.MALFORMED, None
        record = self._records.get(key_id)
        presented = digest(text)
        match: KeyHash | None = None
        for known in NOBODY if record is None else record.hashes:
            if hmac.compare_digest(known.digest, presented):
                match = known
        if record is None or match is None:
            return AuthenticationResult.UNKNOWN, None
        moment = time.time() if now is None else now
        if record.revoked is not None or (match.expires is not None and match.expires <= moment):
            return AuthenticationResult.REVOKED, record
        if record.expires is not None and record.expires <= moment:
            return AuthenticationResult.EXPIRED, record
        return AuthenticationResult.OK, record

    def caller(self, record: KeyRecord) -> Caller:
        """Returns who sends requests with the key."""
        return self._callers.get(record.key_id) or record.caller()

    def _follow(self) -> None:
        """Reads the keys if they have changed; logs the first of several failures."""
        try:
            if self.source.changed() and self.load():
                log.info("the server has %d API keys now", len(self._records))
            self._broken = False
        except KeyStoreError as error:
            if not self._broken:
                log.error("the API keys can't be read; those read before still count", extra={"reason": str(error)})
            self._broken = True
