"""The settings of the audit log: what it has, and how long it is kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings

LEAST_SECRET = 16
"""Characters of a secret that is worth the name."""


class AuditSettings(BaseSettings):
    """The audit log of each server, part of ``Settings``."""

    audit_requests: Literal["off", "denied", "all"] = Field(
        "denied",
        description="Requests in the audit log, beside changes: off; denied, those without a valid key or scope, and "
        "those above a limit; or all, which also has an entry for each request for speech, without its text.",
    )
    audit_addresses: Literal["hashed", "plain", "none"] = Field(
        "hashed",
        description="What the audit log has of a client's address: hashed, a keyed hash; plain, the address (of IPv6 "
        "its network of 64 bits); or none. The hash's key comes from TTSCOPE_AUDIT_SECRET, else it is new at every "
        "start.",
    )
    audit_secret: SecretStr = Field(
        SecretStr(""),
        description=f"Secret of at least {LEAST_SECRET} characters, which gives every entry of the audit log a MAC. "
        "Without it, whoever can write the files can rewrite them unnoticed.",
    )
    audit_required: bool = Field(
        True,
        description="false: changes of keys, voices and dictionaries are made even if they can't be written to the "
        "audit log; by default they get 503.",
    )
    audit_file_bytes: int = Field(
        10 * 1024 * 1024, ge=64 * 1024, description="Size at which a new file of the audit log begins, in bytes."
    )
    audit_files: int = Field(
        20, ge=2, description="Files of the audit log that are kept. An entry says which ones were deleted."
    )

    @field_validator("audit_secret")
    @classmethod
    def _check_secret(cls, secret: SecretStr) -> SecretStr:
        if 0 < len(secret.get_secret_value()) < LEAST_SECRET:
            raise ValueError(f"must have at least {LEAST_SECRET} characters")
        return secret
