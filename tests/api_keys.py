"""Keys in the states that tests need."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from server.access.api_key import issue
from server.access.caller import Scope
from server.access.key_database import KEYS_FILE, KeyDatabase
from server.access.key_record import KeyRecord


def create(data_dir: Path, name: str, scopes: Iterable[str] = (Scope.SPEAK,), **fields: Any) -> str:
    """Stores a key and returns its text."""
    draft = KeyRecord("", name, (), scopes=frozenset(map(Scope, scopes)), **fields)
    return KeyDatabase(data_dir / KEYS_FILE).create(draft)[1].text


def expired(data_dir: Path, name: str = "expired") -> str:
    return create(data_dir, name, Scope, expires=time.time() - 1)


def revoked(data_dir: Path, name: str = "revoked") -> str:
    text = create(data_dir, name, Scope)
    KeyDatabase(data_dir / KEYS_FILE).revoke(name)
    return text


def unknown() -> str:
    return issue().text


def mistyped(text: str) -> str:
    """The key with one character of its secret changed."""
    return text[:30] + ("a" if text[30] != "a" else "b") + text[31:]


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}
