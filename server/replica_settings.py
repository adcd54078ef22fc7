"""The settings of a server that is one of several behind a load balancer."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from server.shared.store_address import PATTERN


class ReplicaSettings(BaseSettings):
    """What servers share, and how one leaves the others, part of ``Settings``."""

    shared_store: str = Field(
        "",
        pattern=PATTERN,
        description="Where servers share registered voices, API keys and added pronunciations: a folder that all of "
        "them mount, or s3://BUCKET/PREFIX with the variables of AWS (needs the extra s3). By default each has its own "
        "in TTSCOPE_DATA_DIR.",
    )
    shutdown_delay_seconds: float = Field(
        0.0,
        ge=0,
        le=600,
        description="Time between SIGTERM and the end of new requests, in which /ready answers 503, responses close "
        "their connections, and requests are still answered: longer than the load balancer needs to notice.",
    )
