"""Keys as they are written: in a file, in a request for a new one, and in lists."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from server.access.api_key import KEY_ID
from server.access.caller import DEFAULT_TENANT, KeyLimits, Scope
from server.access.key_record import NAME, KeyHash, KeyRecord, check_name
from server.utterance import VOICE_NAME

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Limit = Annotated[int, Field(ge=0)]
Name = Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
VoiceNames = Annotated[frozenset[Annotated[str, Field(pattern=f"^{VOICE_NAME.pattern}$")]], Field(min_length=1)]


def _in_utc(moment: datetime) -> datetime:
    """Returns a moment in UTC. Raises ValueError for one that has no date there, and so can't be shown."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be within the years 1 to 9999 in UTC") from None


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]


class LimitsEntry(BaseModel):
    """The limits of a key; those that are absent are the server's own, and 0 is none."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_minute: Limit | None = None
    concurrent_requests: Limit | None = None
    audio_seconds_per_day: Limit | None = None
    characters_per_month: Limit | None = None


class KeyDraft(BaseModel):
    """What a new key may do."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    tenant: Name = DEFAULT_TENANT
    scopes: Annotated[frozenset[Scope], Field(min_length=1)] = frozenset({Scope.SPEAK})
    expires: Moment | None = None
    voices: VoiceNames | None = None
    limits: LimitsEntry = LimitsEntry()

    def record(self) -> KeyRecord:
        """Returns a record without identifier and hash."""
        return KeyRecord(
            "",
            check_name(self.name),
            (),
            self.tenant,
            self.scopes,
            expires=_unix(self.expires),
            voices=self.voices,
            limits=KeyLimits(**self.limits.model_dump()),
        )


class KeyEntry(KeyDraft):
    """A key in a file."""

    id: Annotated[str, Field(pattern=f"^{KEY_ID.pattern}$")]
    sha256: Annotated[tuple[Digest, ...], Field(min_length=1)]
    """One for each text of the key that counts: two while clients change over to a new one."""
    created: AwareDatetime | None = None
    revoked: Moment | None = None

    def record(self) -> KeyRecord:
        """Returns the key. Raises KeyStoreError for a reserved name."""
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


def describe(record: KeyRecord) -> dict[str, Any]:
    """Returns a key as lists show it, without its hashes."""
    return {
        "id": record.key_id,
        "name": record.name,
        "tenant": record.tenant,
        "scopes": sorted(record.scopes),
        "voices": None if record.voices is None else sorted(record.voices),
        "limits": {name: limit for name, limit in asdict(record.limits).items() if limit is not None},
        "created": _iso(record.created),
        "expires": _iso(record.expires),
        "revoked": _iso(record.revoked),
        "state": record.state(),
    }


def entry(record: KeyRecord) -> dict[str, Any]:
    """Returns a key as a file of keys has it."""
    described = describe(record)
    del described["state"]
    hashes = [each.digest.hex() for each in record.hashes]
    fields = {name: value for name, value in described.items() if value is not None}
    return {"id": fields.pop("id"), "name": fields.pop("name"), "sha256": hashes, **fields}


def _unix(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _iso(moment: float | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")
