"""The services of the stack: the command, environment and readiness address of each program."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from otel.contract.slo import WINDOW_DAYS
from otel.support.addresses import PREFIX as PUBLIC_PREFIX
from otel.support.addresses import load as load_public
from otel.support.api_key import KEY_VARIABLE
from otel.support.host_names import WILDCARDS
from stack.environment import (
    DASHBOARD_PREFIX,
    DRIFT_PREFIX,
    MLFLOW_CLIENT,
    PROBE_PREFIX,
    SERVER_READS,
    STORE_CLIENT,
    own_settings,
    wyoming_address,
)
from stack.remote_write import configuration
from stack.settings import StackSettings

MLFLOW_HOSTS = "MLFLOW_SERVER_ALLOWED_HOSTS"
"""MLflow's own variable for the values of the header Host that it answers; they are added to the stack's."""
ANY_ADDRESS = ("*.[0-9]", "*.[0-9][0-9]", "*.[0-9][0-9][0-9]")
"""MLflow's patterns for all IPv4 addresses: a browser takes whatever ends in a number for an address, never a name."""

ROOT = Path(__file__).parent.parent
CONFIG = Path(__file__).parent / "config"
RETENTION_DAYS = WINDOW_DAYS + 10
"""Prometheus' retention: the window of the SLO, and the week that panels look back before it. Traces: config/."""

NO_ORIGIN = "none"
"""Prometheus' pattern of the origins whose pages may read its answers; by default every page on the web may."""

JAEGER_MEMORY = "250MiB"
"""Jaeger's garbage collector works harder above this (GOMEMLIMIT): 336 MB after 10,000 traces, and 476 without it."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program to run."""

    name: str
    command: tuple[str, ...]
    ready_url: str | None
    """The URL that answers 200 once the program is ready; None for a program without a port."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables in addition to the inherited ones."""
    stop_seconds: float = 20.0
    """The time that the program gets to end after SIGTERM."""
    live_url: str | None = None
    """The URL that answers as long as the program is alive, ready or not; without one, ``ready_url`` is checked."""
    reads: tuple[str, ...] = ()
    """Prefixes of the variables in OWNED that this program gets."""
    withheld: tuple[str, ...] = ()
    """Prefixes of variables that it does not get in spite of ``reads``."""
    orphan_signal: int = signal.SIGKILL
    """The signal that ends the program when its supervisor is killed."""


def stores(settings: StackSettings, binaries: Mapping[str, Path]) -> tuple[Service, ...]:
    """Returns Prometheus, Jaeger or Tempo, and Alertmanager: they start before the Collector and stop after it."""
    return (prometheus(settings, binaries), trace_store(settings, binaries), alertmanager(settings, binaries))


def collector(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """Returns the Collector; its configuration reads addresses from the environment."""
    return Service(
        "collector",
        (str(binaries["collector"]), f"--config=file:{CONFIG / 'collector.yaml'}"),
        f"{settings.url(settings.collector_health_port)}/",
        {
            "COLLECTOR_OTLP_GRPC_ENDPOINT": settings.address(settings.collector_grpc_port),
            "COLLECTOR_OTLP_HTTP_ENDPOINT": settings.address(settings.collector_http_port),
            "COLLECTOR_HEALTH_ENDPOINT": settings.address(settings.collector_health_port),
            "COLLECTOR_DATA_DIR": str(_folder(settings, "collector")),
            "TRACES_OTLP_ENDPOINT": settings.address(settings.traces_otlp_port),
            "PROMETHEUS_URL": settings.url(settings.prometheus_port),
        },
    )


def prometheus(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """Returns Prometheus. Its configuration names files beside itself, so all are in the data folder."""
    folder = _folder(settings, "prometheus")
    (folder / "prometheus.yml").write_text(configuration(settings.remote_write))
    shutil.copyfile(CONFIG / "prometheus-rules.yml", folder / "prometheus-rules.yml")
    shutil.rmtree(folder / "rules", ignore_errors=True)  # those of the last time may not be there any more
    shutil.copytree(ROOT / settings.rules_dir, folder / "rules")
    targets = [{"targets": [settings.address(settings.alertmanager_port)]}]
    (folder / "alertmanagers.yml").write_text(json.dumps(targets))  # JSON is YAML
    stores = {
        "prometheus": settings.prometheus_port,
        settings.trace_store: settings.tempo_port if settings.trace_store == "tempo" else settings.jaeger_metrics_port,
        "alertmanager": settings.alertmanager_port,
    }
    scraped = [{"targets": [settings.address(port)], "labels": {"job": name}} for name, port in stores.items()]
    (folder / "pipeline.yml").write_text(json.dumps(scraped))
    (folder / "scrape.yml").touch()  # the user's own, read again whenever it changes
    command = (
        str(binaries["prometheus"]),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={RETENTION_DAYS}d",
        f"--web.listen-address={settings.address(settings.prometheus_port)}",
        *_external_url("prometheus", settings),
        f"--web.cors.origin={NO_ORIGIN}",
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    )
    return Service("prometheus", command, f"{settings.url(settings.prometheus_port)}/-/ready")


def trace_store(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """Returns the program that keeps traces: the Tempo that the settings name, else Jaeger."""
    program = settings.tempo_program
    return tempo(settings, program) if program else jaeger(settings, binaries)


def jaeger(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """Returns Jaeger; its configuration reads addresses from the environment."""
    return Service(
        "jaeger",
        (str(binaries["jaeger"]), f"--config=file:{CONFIG / 'jaeger.yaml'}"),
        f"{settings.url(settings.jaeger_health_port)}/status",
        {
            "JAEGER_API_ENDPOINT": settings.address(settings.jaeger_port),
            "JAEGER_GRPC_ENDPOINT": settings.address(settings.jaeger_grpc_port),
            "JAEGER_OTLP_ENDPOINT": settings.address(settings.traces_otlp_port),
            "JAEGER_HEALTH_ENDPOINT": settings.address(settings.jaeger_health_port),
            "JAEGER_METRICS_HOST": settings.host,
            "JAEGER_METRICS_PORT": str(settings.jaeger_metrics_port),
            "JAEGER_DATA_DIR": str(_folder(settings, "jaeger")),
            "GOMEMLIMIT": JAEGER_MEMORY,
        },
    )


def tempo(settings: StackSettings, program: str) -> Service:
    """Returns Tempo; its configuration reads addresses from the environment."""
    return Service(
        "tempo",
        (program, f"-config.file={CONFIG / 'tempo.yaml'}", "-config.expand-env=true"),
        f"{settings.url(settings.tempo_port)}/ready",
        {
            "TEMPO_HOST": settings.host,
            "TEMPO_PORT": str(settings.tempo_port),
            "TEMPO_GRPC_PORT": str(settings.tempo_grpc_port),
            "TEMPO_OTLP_ENDPOINT": settings.address(settings.traces_otlp_port),
            "TEMPO_DATA_DIR": str(_folder(settings, "tempo")),
        },
    )


def alertmanager(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """Returns Alertmanager as a single instance, without a cluster port."""
    command = (
        str(binaries["alertmanager"]),
        f"--config.file={ROOT / settings.alertmanager_dir / 'alertmanager.yml'}",
        f"--storage.path={_folder(settings, 'alertmanager')}",
        f"--web.listen-address={settings.address(settings.alertmanager_port)}",
        *_external_url("alertmanager", settings),
        "--cluster.listen-address=",
    )
    return Service("alertmanager", command, f"{settings.url(settings.alertmanager_port)}/-/ready")


def mlflow(settings: StackSettings) -> Service:
    """Returns MLflow's server, which shows the drift job's runs; one worker, since each takes 300 MB."""
    folder = _folder(settings, "mlflow")
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--workers=1"),
        f"--host={settings.host}",
        f"--port={settings.mlflow_port}",
        f"--backend-store-uri=sqlite:///{folder / 'mlflow.db'}",
        f"--artifacts-destination={folder / 'artifacts'}",
        f"--allowed-hosts={','.join(_mlflow_hosts(settings))}",
    )
    environment = {
        "PYTHONFAULTHANDLER": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes for jobs that the stack does not have
    }
    return Service(
        "mlflow",
        command,
        f"{settings.url(settings.mlflow_port)}/health",
        environment,
        reads=("MLFLOW_",),
        withheld=MLFLOW_CLIENT,
        orphan_signal=signal.SIGTERM,  # it passes it on to the process that answers; a SIGKILL would leave that behind
    )


def drift(settings: StackSettings) -> Service:
    """Returns the scheduled drift job, which reads the Collector's event files; its own settings apply."""
    own = own_settings(DRIFT_PREFIX)
    in_bucket = any("s3://" in own.get(name, "") for name in ("TTSCOPE_DRIFT_EVENTS", "TTSCOPE_DRIFT_SHARED_STORE"))
    return Service(
        "drift",
        (sys.executable, "-m", "drift", "schedule"),
        None,
        {
            "TTSCOPE_DRIFT_EVENTS": str(settings.events_folder),
            "TTSCOPE_DRIFT_STATE": str(settings.drift_folder),
            **own,
            "MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI") or settings.url(settings.mlflow_port),
            **_export(settings),
        },
        stop_seconds=45.0,  # it ends the window that it is judging
        reads=("OTEL_", "MLFLOW_", *(STORE_CLIENT if in_bucket else ())),
    )


def server(settings: StackSettings) -> Service:
    """Returns the server, exporting to the Collector; its own settings apply."""
    return Service(
        "server",
        (sys.executable, "-m", "server"),
        f"{server_url()}/ready",
        {"TTSCOPE_PREDICTION_FILE": _prediction_file(settings), **wyoming_address(), **_export(settings)},
        stop_seconds=45.0,  # it lets requests in flight end, for 30 s unless told otherwise
        live_url=f"{server_url()}/health",
        reads=SERVER_READS,
    )


def prober(settings: StackSettings) -> Service:
    """Returns the prober, which asks the server for speech and exports what it heard; its own settings apply."""
    return Service(
        "probe",
        (sys.executable, "-m", "probe"),
        None,
        {
            "TTSCOPE_PROBE_URL": server_url(),
            **own_settings(PROBE_PREFIX),
            **own_settings(KEY_VARIABLE),
            **_export(settings),
        },
        reads=("OTEL_",),
    )


def dashboard(settings: StackSettings) -> Service:
    """Returns the live dashboard, which reads from the other programs; its own settings apply."""
    own = {"TTSCOPE_DASHBOARD_HOST": settings.host, **own_settings(DASHBOARD_PREFIX)}
    reachable = _reachable(own["TTSCOPE_DASHBOARD_HOST"])
    return Service(
        "dashboard",
        (sys.executable, "-m", "dashboards", "live"),
        f"http://{reachable}:{settings.dashboard_port}/_stcore/health",
        {
            "TTSCOPE_DASHBOARD_PROMETHEUS_URL": settings.url(settings.prometheus_port),
            f"TTSCOPE_DASHBOARD_{settings.trace_store.upper()}_URL": settings.trace_store_url,
            "TTSCOPE_DASHBOARD_SERVER_URL": server_url(),
            "TTSCOPE_DASHBOARD_DRIFT_DIR": str(settings.drift_folder),
            **own,
            **own_settings(PUBLIC_PREFIX),
            **own_settings(KEY_VARIABLE),
            "DASHBOARD_PORT": str(settings.dashboard_port),
        },
    )


def _external_url(name: str, settings: StackSettings) -> tuple[str, str]:
    """Returns the flags for the URL in a program's links: its public address if that is set, else where it listens."""
    addresses, field = load_public(), f"{name}_url"
    is_set = field in addresses.model_fields_set
    url = getattr(addresses, field) if is_set else settings.url(getattr(settings, f"{name}_port"))
    return f"--web.external-url={url}", "--web.route-prefix=/"


def _mlflow_hosts(settings: StackSettings) -> tuple[str, ...]:
    """Returns the values of the header Host that MLflow answers: it compares them whole, with the port.

    By default it would also answer every name that begins like a private address, such as 10.evil.example.
    """
    addresses = ANY_ADDRESS if settings.host in WILDCARDS else (_reachable(settings.host),)
    own = (f"{host}:{settings.mlflow_port}" for host in dict.fromkeys(("localhost", "127.0.0.1", *addresses)))
    more = filter(None, [os.environ.get(MLFLOW_HOSTS)])
    return (*own, urlsplit(load_public().mlflow_url).netloc, *more)


def server_url() -> str:
    """Returns the server's base URL, by its own settings."""
    host, port = _reachable(os.environ.get("TTSCOPE_HOST") or "127.0.0.1"), os.environ.get("TTSCOPE_PORT") or "8010"
    return f"http://{host}:{port}"


def _reachable(host: str) -> str:
    """Returns the host to use in URLs for a program that listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"[{host}]" if ":" in host else host


def _export(settings: StackSettings) -> dict[str, str]:
    """Returns the variables that send a program's telemetry to the Collector."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.url(settings.collector_grpc_port),
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_METRIC_EXPORT_INTERVAL": os.environ.get("OTEL_METRIC_EXPORT_INTERVAL") or str(settings.metric_interval),
    }


def _prediction_file(settings: StackSettings) -> str:
    """Returns the file of the prediction model, which the drift job writes."""
    return os.environ.get("TTSCOPE_PREDICTION_FILE") or str(settings.drift_folder / "prediction" / "model.json")


def _folder(settings: StackSettings, name: str) -> Path:
    folder = settings.data_dir.absolute() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
