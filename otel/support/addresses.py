"""Where people reach the pipeline's pages: what links in alerts, messages and dashboards begin with.

Rules, Grafana's files and their tests have these addresses in them: they are read when those are built.
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
"""The base of a URL, without a user, who would be shown, and without what ends a link in Markdown."""


class PublicAddresses(BaseSettings):
    """Read from the environment: TTSCOPE_PUBLIC_ and the field in capitals."""

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
    """Reads the environment. Raises SettingsError."""
    return read(PublicAddresses, variable)


def variable(field: object) -> str:
    """The variable that sets ``field``."""
    return f"{PREFIX}{str(field).upper()}"
