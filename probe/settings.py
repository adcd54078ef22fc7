"""The settings of the prober, from the environment."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from otel.support.environment import read

PREFIX = "TTSCOPE_PROBE_"
ALL = "*"


class ProbeSettings(BaseSettings):
    """The settings; a variable is TTSCOPE_PROBE_ and the field in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, extra="forbid")

    url: str = Field(
        "http://127.0.0.1:8010", pattern=r"^https?://\S+$", description="Address of the server that is probed."
    )
    voices: Annotated[tuple[str, ...], NoDecode] = Field(
        ("joe",),
        min_length=1,
        description="Voices to probe, separated by commas; * for all that the prober's key may use. Their names become "
        "labels, so give the prober a key of a tenant of its own, which sees no registered voice.",
    )
    interval_seconds: float = Field(
        60.0, ge=1, description="Time between the starts of two rounds; a round has two requests for each voice."
    )
    timeout_seconds: float = Field(30.0, gt=0, description="Time for the server to send anything; then a probe fails.")
    seed: int = Field(0, ge=0, description="What the generated sentences depend on.")

    @field_validator("voices", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    @field_validator("url")
    @classmethod
    def _without_slash(cls, value: str) -> str:
        return value.rstrip("/")


def load() -> ProbeSettings:
    """Reads the environment. Raises SettingsError."""
    return read(ProbeSettings, variable)


def variable(field: object) -> str:
    """Returns the variable that sets a field."""
    return f"{PREFIX}{str(field).upper()}"
