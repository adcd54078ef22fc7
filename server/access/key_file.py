"""The keys in a file of JSON or TOML that the server only reads, such as a secret of Kubernetes.

It has a list ``keys``, with the fields of KeyEntry in each. ``python -m server.keys create --entry`` prints one.
"""

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from server.access.caller import DEFAULT_TENANT, KeyLimits, Scope
from server.access.key_record import NAME, KeyHash, KeyRecord, KeyStoreError, check_name
from server.access.keys import KEY_ID
from server.access.watched_files import WatchedFiles
from server.utterance import VOICE_NAME

MAX_BYTES = 4 * 1024 * 1024
"""The largest file: 10,000 keys."""
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Limit = Annotated[int, Field(ge=1)]


class LimitsEntry(BaseModel):
    """The limits of a key; those that are absent are the server's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Limit | None = None
    concurrent_requests: Limit | None = None
    audio_seconds_per_day: Limit | None = None
    characters_per_month: Limit | None = None


class KeyEntry(BaseModel):
    """A key in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, Field(pattern=f"^{KEY_ID.pattern}$")]
    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    sha256: Annotated[tuple[Digest, ...], Field(min_length=1)]
    """One for each text of the key that counts; two while clients change over to a new one."""
    tenant: Annotated[str, Field(pattern=f"^{NAME.pattern}$")] = DEFAULT_TENANT
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = frozenset({Scope.SPEAK})
    created: AwareDatetime | None = None
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    voices: frozenset[Annotated[str, Field(pattern=f"^{VOICE_NAME.pattern}$")]] | None = None
    limits: LimitsEntry = LimitsEntry()

    def record(self) -> KeyRecord:
        """Returns the key. Raises KeyStoreError."""
        return KeyRecord(
            self.id,
            check_name(self.name),
            tuple(KeyHash(bytes.fromhex(each)) for each in self.sha256),
            self.tenant,
            self.scopes,
            _unix(self.created) or 0.0,
            _unix(self.expires),
            _unix(self.revoked),
            self.voices,
            KeyLimits(**self.limits.model_dump()),
        )


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


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
