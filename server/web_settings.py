"""The settings of keys, web pages and TLS, as a part of the server's settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode

Origin = Annotated[str, Field(pattern=r"^(\*|[a-z][a-z0-9+.-]*://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?)$")]


class WebSettings(BaseSettings):
    """What a server needs that is reached over a network."""

    keys_file: Path | None = Field(
        None,
        description="File of API keys as JSON or TOML, such as a mounted secret, which is read again when it changes; "
        "by default keys.sqlite in TTSCOPE_DATA_DIR, which python -m server.keys changes.",
    )
    allow_anonymous: bool = Field(
        False,
        description="true: without API keys the server may listen on other addresses than the loopback, and everybody "
        "who reaches it may do everything but manage keys. With the first key, requests need one all the same.",
    )
    query_keys: bool = Field(
        False,
        description="true: a WebSocket may send its API key as ?api_key=, for browsers, which can't give it headers. "
        "Proxies and browsers may write a URL into their logs; the server does not.",
    )
    allowed_origins: Annotated[tuple[Origin, ...], NoDecode] = Field(
        (),
        description="Origins of web pages that may call the API (CORS), separated by commas and exactly as browsers "
        "send them: https://app.example. Other pages get 403. * allows every page that a user opens; anything such a "
        "page can reach then speaks for it, so use it only for a server that anybody may use.",
    )
    tls_certificate: Path | None = Field(
        None,
        description="PEM file of the TLS certificate, its intermediates after it. With it the API's port takes only "
        "https, and so does the management port where TTSCOPE_MANAGEMENT_HOST is not the loopback. Replaced files are "
        "used within seconds.",
    )
    tls_key: Path | None = Field(None, description="PEM file of the key of TTSCOPE_TLS_CERTIFICATE, not encrypted.")
    hsts_seconds: int = Field(
        0,
        ge=0,
        le=63_072_000,
        description="How long browsers use only https for this name after a response by https, of a trusted proxy too: "
        "Strict-Transport-Security. 0 sends no such header. It can't be taken back.",
    )

    @field_validator("allowed_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        return tuple(name.strip() for name in value.split(",") if name.strip()) if isinstance(value, str) else value

    def web_conflicts(self) -> list[str]:
        """Returns what does not fit together."""
        if (self.tls_certificate is None) != (self.tls_key is None):
            return ["TTSCOPE_TLS_CERTIFICATE, TTSCOPE_TLS_KEY: both are needed, or none"]
        return []
