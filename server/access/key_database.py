"""The keys in an SQLite file, which the commands and the admin API change while the server runs."""

from __future__ import annotations

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from otel.support.watched_files import WatchedFiles
from server.access.api_key import IssuedKey, issue
from server.access.caller import KeyLimits, Scope
from server.access.key_record import DraftError, KeyHash, KeyRecord, KeyStoreError, UnknownKeyError, check_name

KEYS_FILE = "keys.sqlite"
"""The file, inside the data folder."""
SCHEMA_VERSION = 1
SCHEMA = """
CREATE TABLE keys (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, scopes TEXT NOT NULL, voices TEXT,
    limits TEXT NOT NULL, created REAL NOT NULL, expires REAL, revoked REAL
) STRICT;
CREATE UNIQUE INDEX names ON keys (name) WHERE revoked IS NULL;
CREATE TABLE hashes (digest BLOB PRIMARY KEY, key_id TEXT NOT NULL REFERENCES keys (id), expires REAL) STRICT;
PRAGMA user_version = 1;
"""
BUSY_SECONDS = 5.0
MOST_HASHES = 8
"""The hashes that are kept of a key that is rotated again and again: with them, use of an old one is recognized."""


class KeyDatabase:
    """The keys of one file, which is made with the first key. Each call opens it anew, and may come from any thread."""

    required = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._watched = WatchedFiles((path, path.with_name(f"{path.name}-wal")), clock)
        self._existed = False

    def changed(self) -> bool:
        return self._watched.changed()

    def read(self) -> tuple[KeyRecord, ...]:
        """Returns all keys, the oldest first; none if there is no file yet. Raises KeyStoreError."""
        self._watched.mark()
        if not self.path.exists():
            if self._existed:
                raise KeyStoreError(f"{self.path} is gone")
            return ()
        with self._open() as connection:
            if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
                raise KeyStoreError(f"{self.path} is damaged; restore it, or remove it and create new keys")
            records = _read(connection)
        self._existed = True
        return records

    def create(self, draft: KeyRecord) -> tuple[KeyRecord, IssuedKey]:
        """Stores a new key with the name, tenant, scopes, expiry, voices and limits of ``draft``. Raises
        KeyStoreError."""
        check_name(draft.name)
        check_name(draft.tenant, "tenant")
        if not draft.scopes:
            raise DraftError("scopes", "a key needs at least one")
        key = issue()
        record = replace(draft, key_id=key.key_id, created=self._clock(), hashes=(KeyHash(key.digest),), revoked=None)
        with self._open(create=True) as connection:
            taken = connection.execute("SELECT 1 FROM keys WHERE name = ? AND revoked IS NULL", (record.name,))
            if taken.fetchone():
                raise DraftError("name", "there is a key of this name already; rotate or revoke it")
            connection.execute(
                "INSERT INTO keys VALUES (?, ?, ?, ?, ?, ?, ?, ?, NULL)",
                (
                    record.key_id,
                    record.name,
                    record.tenant,
                    " ".join(sorted(record.scopes)),
                    None if record.voices is None else json.dumps(sorted(record.voices)),
                    json.dumps({name: value for name, value in asdict(record.limits).items() if value is not None}),
                    record.created,
                    record.expires,
                ),
            )
            connection.execute("INSERT INTO hashes VALUES (?, ?, NULL)", (key.digest, record.key_id))
        return record, key

    def revoke(self, key: str) -> KeyRecord:
        """Ends a key, named by its identifier or name. Raises KeyStoreError."""
        with self._open() as connection:
            record = _find(connection, key)
            connection.execute("UPDATE keys SET revoked = ? WHERE id = ?", (self._clock(), record.key_id))
            return _find(connection, record.key_id, revoked=True)

    def rotate(self, key: str, grace_seconds: float = 0.0) -> tuple[KeyRecord, IssuedKey]:
        """Gives a key a new text; the old one counts for ``grace_seconds`` more. Raises KeyStoreError."""
        with self._open() as connection:
            record = _find(connection, key)
            until = self._clock() + grace_seconds
            issued = issue(record.key_id)
            connection.execute(
                "UPDATE hashes SET expires = ? WHERE key_id = ? AND (expires IS NULL OR expires > ?)",
                (until, record.key_id, until),
            )
            connection.execute(
                "DELETE FROM hashes WHERE key_id = ? AND rowid NOT IN "
                "(SELECT rowid FROM hashes WHERE key_id = ? ORDER BY rowid DESC LIMIT ?)",
                (record.key_id, record.key_id, MOST_HASHES - 1),
            )
            connection.execute("INSERT INTO hashes VALUES (?, ?, NULL)", (issued.digest, record.key_id))
            return _find(connection, record.key_id), issued

    @contextmanager
    def _open(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Opens the file in a transaction that is the only one that may write. Raises KeyStoreError."""
        try:
            if not self.path.exists():
                if not create:
                    raise UnknownKeyError("there is no such key")
                self._make()
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw", timeout=BUSY_SECONDS, isolation_level=None, uri=True
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = FULL")
                connection.execute("BEGIN IMMEDIATE")
                _check_version(connection, self.path)
                yield connection
                connection.execute("COMMIT")
            finally:
                connection.close()
        except sqlite3.OperationalError as error:
            raise KeyStoreError(f"{self.path} can't be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise KeyStoreError(
                f"{self.path} is damaged ({error}); restore it, or remove it and create new keys"
            ) from error
        except OSError as error:
            raise KeyStoreError(f"{self.path} can't be used: {error.strerror}") from error

    def _make(self) -> None:
        """Makes the file with its tables at once, readable by this user alone; SQLite gives its other files the same
        mode. A file without tables is never there, so an empty one is known to be damaged."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}-")
        os.close(descriptor)
        draft = Path(name)
        try:
            connection = sqlite3.connect(draft, isolation_level=None)
            try:
                connection.executescript(SCHEMA)
            finally:
                connection.close()
            with suppress(FileExistsError):
                os.link(draft, self.path)
        finally:
            draft.unlink()


def _check_version(connection: sqlite3.Connection, path: Path) -> None:
    if connection.execute("PRAGMA user_version").fetchone() != (SCHEMA_VERSION,):
        raise KeyStoreError(f"{path} is damaged, or of another version of this program")


def _read(connection: sqlite3.Connection) -> tuple[KeyRecord, ...]:
    hashes: dict[str, list[KeyHash]] = {}
    for digest, key_id, expires in connection.execute("SELECT digest, key_id, expires FROM hashes ORDER BY rowid"):
        hashes.setdefault(key_id, []).append(KeyHash(digest, expires))
    try:
        return tuple(
            KeyRecord(
                key_id,
                name,
                tuple(hashes.get(key_id, ())),
                tenant,
                frozenset(map(Scope, scopes.split())),
                created,
                expires,
                revoked,
                None if voices is None else frozenset(json.loads(voices)),
                KeyLimits(**json.loads(limits)),
            )
            for key_id, name, tenant, scopes, voices, limits, created, expires, revoked in connection.execute(
                "SELECT id, name, tenant, scopes, voices, limits, created, expires, revoked FROM keys ORDER BY rowid"
            )
        )
    except (ValueError, TypeError) as error:
        raise KeyStoreError("a key has a scope, a voice or a limit that this version does not know") from error


def _find(connection: sqlite3.Connection, key: str, *, revoked: bool = False) -> KeyRecord:
    """Returns the key with this identifier, or that of this name which is not revoked. Raises UnknownKeyError."""
    for record in _read(connection):
        if key == record.key_id or (key == record.name and record.revoked is None):
            if record.revoked is not None and not revoked:
                raise UnknownKeyError("this key was revoked already")
            return record
    raise UnknownKeyError("there is no such key")
