"""Typed settings of the live dashboard, from the environment; all errors are reported at once, by variable."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from dashboards.custom import ViewSettings
from otel.support.environment import read, unknown

PREFIX = "TTSCOPE_DASHBOARD_"
PORT_VARIABLE = "DASHBOARD_PORT"
NONE = "none"
HostName = Annotated[str, Field(pattern=r"^(\*|\[?[A-Za-z0-9._:-]{1,253}\]?)$")]
URL = re.compile(r"https?://[^\s/?#]+(/[^\s?#]*)?")


class Settings(ViewSettings):
    """The settings, read once at start. A variable is the prefix and the field in capitals, or PORT_VARIABLE."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, populate_by_name=True, extra="forbid"
    )

    port: Annotated[int, Field(ge=1, le=65535)] = Field(
        8501, validation_alias=AliasChoices(PORT_VARIABLE), description="Port that the dashboard listens on."
    )
    host: str = Field("127.0.0.1", min_length=1, description="Address that the dashboard listens on.")
    allowed_hosts: Annotated[tuple[HostName, ...], NoDecode] = Field(
        (),
        description="Names that the header Host may have, separated by commas, beside those of the loopback, of "
        "TTSCOPE_DASHBOARD_HOST and of TTSCOPE_PUBLIC_DASHBOARD_URL; with 0.0.0.0 or ::, also all IP addresses. "
        "Anything else gets 421. * allows every name, and with it DNS rebinding.",
    )
    prometheus_url: str = Field("http://127.0.0.1:9090", description="Address of Prometheus, or `none`.")
    jaeger_url: str = Field("http://127.0.0.1:16686", description="Address of Jaeger, or `none`.")
    tempo_url: str = Field(
        NONE, validate_default=True, description="Address of Tempo, which is used instead of Jaeger, or `none`."
    )
    server_url: str = Field(
        "http://127.0.0.1:8010",
        description="Address of the ttscope server, for its summary and the traces in its memory, or `none`.",
    )
    drift_dir: Path = Field(Path("var/drift"), description="State folder of the drift job, with its reports.")
    refresh_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        10.0,
        description="Seconds between refreshes of a page. Results are cached for as long and shared by all viewers.",
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        10.0, description="Seconds after which a query to a source is given up."
    )

    @field_validator("allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(name.strip() for name in value.split(",") if name.strip())

    @field_validator("prometheus_url", "jaeger_url", "tempo_url", "server_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if value == NONE:
            return ""
        if not URL.fullmatch(value):
            raise ValueError("must be none, or begin with http:// or https:// and have no query")
        return value.rstrip("/")


def load() -> Settings:
    """Reads the environment. Raises SettingsError."""
    return read(Settings, variable)


def variable(field: object) -> str:
    """Returns the variable that sets ``field``."""
    return PORT_VARIABLE if field in ("port", PORT_VARIABLE) else f"{PREFIX}{str(field).upper()}"


def variables() -> dict[str, str]:
    """Returns the field of each variable."""
    return {variable(name): name for name in Settings.model_fields}


def unknown_variables() -> list[str]:
    """Returns variables with the prefix that set nothing: most likely misspelt."""
    return unknown(PREFIX, variables())
