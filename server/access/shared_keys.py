"""The keys of several servers: the database is a file in the store that they share, and each reads its own copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from server.access.api_key import IssuedKey
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.access.key_record import KeyRecord, KeyStoreError
from server.errors import SharedStoreUnavailable
from server.shared.shared_files import SharedFiles

T = TypeVar("T")


class SharedKeyDatabase(KeyDatabase):
    """See KeyDatabase. Changes raise SharedStoreUnavailable too."""

    def __init__(self, shared: SharedFiles) -> None:
        super().__init__(shared.folder / KEYS_FILE)
        self._shared = shared

    def create(self, draft: KeyRecord) -> tuple[KeyRecord, IssuedKey]:
        return self._change(lambda database: database.create(draft))

    def revoke(self, key: str) -> KeyRecord:
        return self._change(lambda database: database.revoke(key))

    def rotate(self, key: str, grace_seconds: float = 0.0) -> tuple[KeyRecord, IssuedKey]:
        return self._change(lambda database: database.rotate(key, grace_seconds))

    def _change(self, change: Callable[[KeyDatabase], T]) -> T:
        return self._shared.change(KEYS_FILE, lambda draft: change(KeyDatabase(draft)))


def open_key_database(data_dir: Path, shared: SharedFiles | None) -> KeyDatabase:
    """Returns the database of keys: that of the shared store, if there is one, else that of the data folder. Waits for
    the store. Raises KeyStoreError."""
    own = data_dir / KEYS_FILE
    if shared is None:
        return KeyDatabase(own)
    database = SharedKeyDatabase(shared)
    try:
        shared.look()
    except SharedStoreUnavailable as error:
        if not database.path.exists():
            raise KeyStoreError(f"the API keys can't be read: {error.message}") from error
    if own.exists() and not database.path.exists():
        raise KeyStoreError(
            f"{own} has keys that TTSCOPE_SHARED_STORE does not have: copy it there, or remove it to begin anew"
        )
    return database
