"""The stack's settings: its folders and ports. All of them can be changed, so that two stacks run side by side."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stack import remote_write

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
        description="Folder of alertmanager.yml and its templates; `python -m alerting receivers` writes one with "
        "receivers.",
    )
    host: str = Field("127.0.0.1", description="Address that all programs listen on.")
    collector_grpc_port: Port = Field(4317, description="Port of the Collector for OTLP over gRPC.")
    collector_http_port: Port = Field(4318, description="Port of the Collector for OTLP over HTTP.")
    collector_health_port: Port = Field(13133, description="Port of the Collector's health check.")
    prometheus_port: Port = Field(9090, description="Port of Prometheus.")
    remote_write: str = Field(
        "",
        description="File with the long-term stores that Prometheus forwards to, a list in the form of its "
        "`remote_write`: [scale.md](scale.md#metrics-and-events-beyond-one-prometheus).",
    )
    tempo: str = Field(
        "",
        description="Path or name of a Grafana Tempo program, which then keeps traces in place of Jaeger. If this is "
        "empty, a `tempo` on the PATH is used, if there is one.",
    )
    traces_otlp_port: Port = Field(
        14317, description="Port on which Jaeger or Tempo receives traces from the Collector."
    )
    jaeger_port: Port = Field(16686, description="Port of Jaeger's API.")
    jaeger_grpc_port: Port = Field(16685, description="Port of Jaeger's API over gRPC.")
    jaeger_metrics_port: Port = Field(8888, description="Port of Jaeger's own metrics.")
    jaeger_health_port: Port = Field(13134, description="Port of Jaeger's health check.")
    tempo_port: Port = Field(3200, description="Port of Tempo's API.")
    tempo_grpc_port: Port = Field(9095, description="Port between Tempo's own components.")
    alertmanager_port: Port = Field(9093, description="Port of Alertmanager.")
    mlflow_port: Port = Field(5000, description="Port of MLflow, which has the drift job's runs.")
    dashboard_port: Port = Field(
        8501,
        validation_alias=AliasChoices(f"{PREFIX}DASHBOARD_PORT", DASHBOARD_PORT),
        description=f"Port of the live dashboard; `{DASHBOARD_PORT}` sets it too.",
    )
    probe: bool = Field(
        False,
        description="true: the prober speaks to the server every minute and listens (docs/verification.md). Its "
        "settings are TTSCOPE_PROBE_*; it takes 2 to 4 seconds of a core for each voice and minute.",
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

    @field_validator("remote_write")
    @classmethod
    def _names_stores(cls, value: str) -> str:
        if value:
            remote_write.load(Path(value))
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
