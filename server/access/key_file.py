"""The keys in a file of JSON or TOML that the server only reads, such as a secret of Kubernetes.

It has a list ``keys``, with the fields of KeyEntry in each. ``python -m server.keys create --entry`` prints one.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from otel.support.watched_files import WatchedFiles
from server.access.key_entry import KeyEntry
from server.access.key_record import KeyRecord, KeyStoreError

MAX_BYTES = 4 * 1024 * 1024
"""The largest file: 10,000 keys."""


class KeyList(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keys: tuple[KeyEntry, ...]


class KeyFile:
    """The keys of one file. Requests need a key even if it lists none."""

    required = True

    def __init__(self, path: Path) -> None:
        self.path = path
        self._watched = WatchedFiles((path,))

    def changed(self) -> bool:
        return self._watched.changed()

    def read(self) -> tuple[KeyRecord, ...]:
        """Returns the keys in the order of the file. Raises KeyStoreError, which repeats nothing of the file."""
        self._watched.mark()
        try:
            with self.path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise KeyStoreError(f"{self.path} can't be read: {error.strerror}") from None
        if len(data) > MAX_BYTES:
            raise KeyStoreError(f"{self.path} is larger than {MAX_BYTES} bytes")
        try:
            text = data.decode()
            content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
            return tuple(entry.record() for entry in KeyList.model_validate(content).keys)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, problem["loc"]))
            raise KeyStoreError(f"{self.path}: {place}: {problem['msg']}") from None
        except (ValueError, RecursionError):
            raise KeyStoreError(f"{self.path} is neither JSON nor TOML") from None
