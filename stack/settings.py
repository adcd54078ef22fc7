"""The stack's settings: its folders and ports. All of them can be changed, so that two stacks run side by side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "TTSCOPE_STACK_"
DASHBOARD_PORT = "DASHBOARD_PORT"
Port = Annotated[int, Field(ge=1, le=65535)]
TraceStoreName = Literal["jaeger", "tempo"]


class StackSettings(BaseSettings):
    """Settings from the environment: TTSCOPE_STACK_ and the field's name in capitals."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, env_ignore_empty=True, populate_by_name=True, extra="forbid"
    )

    data_dir: Path = Field(Path("var/stack"), description="Folder of queues, stores, events and logs.")
    rules_dir: Path = Field(Path("alerting/rules"), description="Folder of Prometheus' alerting rules, *.yml.")
    alertmanager_dir: Path = Field(
        Path("alerting/alertmanager"),
        description="Folder of alertmanager.yml and its templates; python -m alerting receivers writes one that tells "
        "somebody.",
    )
    host: str = Field("127.0.0.1", description="Address that every program listens on.")
    collector_grpc_port: Port = Field(4317, description="The Collector's OTLP over gRPC.")
    collector_http_port: Port = Field(4318, description="The Collector's OTLP over HTTP.")
    collector_health_port: Port = Field(13133, description="The Collector's health page.")
    prometheus_port: Port = Field(9090, description="Prometheus.")
    tempo: str = Field(
        "",
        description="A program of Grafana Tempo, by its path or its name, to keep traces instead of Jaeger. If empty, "
        "a `tempo` on the PATH is used, if there is one.",
    )
    traces_otlp_port: Port = Field(14317, description="Where Jaeger or Tempo takes traces from the Collector.")
    jaeger_port: Port = Field(16686, description="Jaeger's API.")
    jaeger_grpc_port: Port = Field(16685, description="Jaeger's API over gRPC.")
    jaeger_metrics_port: Port = Field(8888, description="Jaeger's metrics about itself.")
    jaeger_health_port: Port = Field(13134, description="Jaeger's health page.")
    tempo_port: Port = Field(3200, description="Tempo's API.")
    tempo_grpc_port: Port = Field(9095, description="Between Tempo's own parts.")
    alertmanager_port: Port = Field(9093, description="Alertmanager.")
    mlflow_port: Port = Field(5000, description="MLflow: the drift job's runs.")
    dashboard_port: Port = Field(
        8501,
        validation_alias=AliasChoices(f"{PREFIX}DASHBOARD_PORT", DASHBOARD_PORT),
        description=f"The live dashboard; `{DASHBOARD_PORT}` sets it too.",
    )
    metric_interval: Annotated[int, Field(ge=100)] = Field(
        5000,
        description="Milliseconds between exports of metrics by the server and the drift job, unless "
        "OTEL_METRIC_EXPORT_INTERVAL is set.",
    )

    @field_validator("tempo")
    @classmethod
    def _is_a_program(cls, value: str) -> str:
        if value and shutil.which(value) is None:
            raise ValueError("there is no such program")
        return value

    def address(self, port: int) -> str:
        """host:port."""
        return f"{self.host}:{port}"

    def url(self, port: int) -> str:
        """The address as the base of a URL."""
        return f"http://{self.address(port)}"

    @property
    def tempo_program(self) -> str | None:
        """The path of the Tempo that is to run; None if Jaeger is."""
        return shutil.which(self.tempo or "tempo")

    @property
    def trace_store(self) -> TraceStoreName:
        """The program that keeps traces."""
        return "tempo" if self.tempo_program else "jaeger"

    @property
    def trace_store_url(self) -> str:
        """The base of that program's API."""
        return self.url(self.tempo_port if self.trace_store == "tempo" else self.jaeger_port)

    @property
    def ports(self) -> dict[str, int]:
        """Every port that is used, by the field that sets it."""
        unused = "jaeger_" if self.trace_store == "tempo" else "tempo_"
        names = (name for name in type(self).model_fields if name.endswith("_port") and not name.startswith(unused))
        return {name: getattr(self, name) for name in names}

    @property
    def events_folder(self) -> Path:
        return self.data_dir.absolute() / "collector" / "events"

    @property
    def drift_folder(self) -> Path:
        return self.data_dir.absolute() / "drift"


def variable(field: object) -> str:
    """The variable that sets ``field``; one that has a name of its own is called by it already."""
    name = str(field)
    return name if name.isupper() else f"{PREFIX}{name.upper()}"
