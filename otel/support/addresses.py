"""The public addresses of the pipeline's pages: the bases of links in alerts, messages and dashboards.

The build writes them into rules and Grafana's files.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from otel.support.environment import read

PREFIX = "TTSCOPE_PUBLIC_"
Address = Annotated[
    str,
    StringConstraints(pattern=r"^https?://[^\s/?#@()<>]+(/[^\s?#()<>]*)?$"),
    AfterValidator(lambda address: address.rstrip("/")),
]
"""The base of a URL, without a user (it would be visible) and without characters that end a link in Markdown."""


class PublicAddresses(BaseSettings):
    """The addresses, each read from the variable TTSCOPE_PUBLIC_ and the field in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, env_ignore_empty=True, extra="ignore")

    grafana_url: Address = Field(
        "http://localhost:3000", description="Grafana: dashboards and runbooks that alerts lead to."
    )
    dashboard_url: Address = Field(
        "http://localhost:8501", description="The live dashboard: Grafana leads to its drift reports."
    )
    mlflow_url: Address = Field("http://localhost:5000", description="MLflow: dashboards lead to the drift job's runs.")
    prometheus_url: Address = Field("http://localhost:9090", description="Prometheus: it names itself so in alerts.")
    alertmanager_url: Address = Field(
        "http://localhost:9093", description="Alertmanager: messages lead to it, to silence what they tell."
    )


def load() -> PublicAddresses:
    """Returns the addresses from the environment. Raises SettingsError."""
    return read(PublicAddresses, variable)


def variable(field: object) -> str:
    """Returns the variable that sets ``field``."""
    return f"{PREFIX}{str(field).upper()}"
