"""How each program is run: its command, its environment, and the address that says when it is ready."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from otel.contract.slo import WINDOW_DAYS
from otel.support.addresses import PREFIX as PUBLIC_PREFIX
from otel.support.addresses import load as load_public
from stack.cache import VARIABLE as CACHE_VARIABLE
from stack.settings import DASHBOARD_PORT, PREFIX, StackSettings

DRIFT_PREFIX = "TTSCOPE_DRIFT_"
"""Of the drift job's own settings."""
DASHBOARD_PREFIX = "TTSCOPE_DASHBOARD_"
"""Of the live dashboard's own settings."""
OWNED = ("TTSCOPE_", "OTEL_", "MLFLOW_", "METRICS_ENABLED", "PROMETHEUS_PORT", DASHBOARD_PORT)
"""What variables begin with that are for some programs and not for all: the server's secrets are among them."""
SERVER_READS = ("TTSCOPE_", "OTEL_", "METRICS_ENABLED", "PROMETHEUS_PORT")
NOT_FOR_THE_SERVER = (PREFIX, PUBLIC_PREFIX, DRIFT_PREFIX, DASHBOARD_PREFIX)
"""What variables begin with that the server would call unknown; CACHE_VARIABLE alone is the stack's too."""

ROOT = Path(__file__).parent.parent
CONFIG = Path(__file__).parent / "config"
RETENTION_DAYS = WINDOW_DAYS + 10
"""How long Prometheus keeps metrics: the promise's window, and what panels look back to from its begin, a week at most.
Traces: config/jaeger.yaml and config/tempo.yaml."""

JAEGER_MEMORY = "250MiB"
"""From which on Jaeger's garbage collector works harder: 336 MB after 10,000 traces, and 476 without it."""


@dataclass(frozen=True, slots=True)
class Service:
    """A program to run."""

    name: str
    command: tuple[str, ...]
    ready_url: str | None
    """Answers with 200 once it is ready; None of a program without a port, which is ready when it runs."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside what is inherited."""
    stop_seconds: float = 20.0
    """How long it may take to end by itself."""
    live_url: str | None = None
    """Answers as long as it is alive, ready or not; where there is none, ``ready_url`` does."""
    reads: tuple[str, ...] = ()
    """What variables begin with that it gets, of those that are not for all (OWNED)."""
    orphan_signal: int = signal.SIGKILL
    """What ends it when its supervisor is killed."""


def stores(settings: StackSettings, binaries: Mapping[str, Path]) -> tuple[Service, ...]:
    """Prometheus, Jaeger or Tempo, and Alertmanager: what the Collector sends to comes first and goes last."""
    return (prometheus(settings, binaries), trace_store(settings, binaries), alertmanager(settings, binaries))


def collector(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """The Collector; its configuration reads addresses from the environment."""
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
    """Prometheus; it looks for the files that its configuration names beside it, so all lie in the data folder."""
    folder = _folder(settings, "prometheus")
    for name in ("prometheus.yml", "prometheus-rules.yml"):
        shutil.copyfile(CONFIG / name, folder / name)
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
        *_called("prometheus", settings),
        "--web.enable-otlp-receiver",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    )
    return Service("prometheus", command, f"{settings.url(settings.prometheus_port)}/-/ready")


def trace_store(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """The program that keeps traces: the Tempo that the settings found, else Jaeger."""
    program = settings.tempo_program
    return tempo(settings, program) if program else jaeger(settings, binaries)


def jaeger(settings: StackSettings, binaries: Mapping[str, Path]) -> Service:
    """Jaeger; its configuration reads addresses from the environment."""
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
    """Tempo; its configuration reads addresses from the environment."""
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
    """Alertmanager, alone: without a cluster's port."""
    command = (
        str(binaries["alertmanager"]),
        f"--config.file={ROOT / settings.alertmanager_dir / 'alertmanager.yml'}",
        f"--storage.path={_folder(settings, 'alertmanager')}",
        f"--web.listen-address={settings.address(settings.alertmanager_port)}",
        *_called("alertmanager", settings),
        "--cluster.listen-address=",
    )
    return Service("alertmanager", command, f"{settings.url(settings.alertmanager_port)}/-/ready")


def mlflow(settings: StackSettings) -> Service:
    """MLflow's server and page, with the drift job's runs; one worker, since each takes 300 MB."""
    folder = _folder(settings, "mlflow")
    command = (
        *(sys.executable, "-m", "mlflow", "server", "--workers=1"),
        f"--host={settings.host}",
        f"--port={settings.mlflow_port}",
        f"--backend-store-uri=sqlite:///{folder / 'mlflow.db'}",
        f"--artifacts-destination={folder / 'artifacts'}",
    )
    environment = {
        "PYTHONFAULTHANDLER": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # eight more processes, for jobs that we have none of
    }
    return Service(
        "mlflow",
        command,
        f"{settings.url(settings.mlflow_port)}/health",
        environment,
        reads=("MLFLOW_",),
        orphan_signal=signal.SIGTERM,  # it passes it on to the process that answers; a SIGKILL would leave that behind
    )


def drift(settings: StackSettings) -> Service:
    """The scheduled drift job, by its own settings; reads what the Collector writes."""
    return Service(
        "drift",
        (sys.executable, "-m", "drift", "schedule"),
        None,
        {
            "TTSCOPE_DRIFT_EVENTS": str(settings.events_folder),
            "TTSCOPE_DRIFT_STATE": str(settings.drift_folder),
            **_own(DRIFT_PREFIX),
            "MLFLOW_TRACKING_URI": os.environ.get("MLFLOW_TRACKING_URI") or settings.url(settings.mlflow_port),
            **_export(settings),
        },
        stop_seconds=45.0,  # it ends the window that it is judging
        reads=("OTEL_", "MLFLOW_"),
    )


def server(settings: StackSettings) -> Service:
    """The speaking server, by its own settings, exporting to the Collector."""
    return Service(
        "server",
        (sys.executable, "-m", "server"),
        f"{server_url()}/ready",
        _export(settings),
        stop_seconds=45.0,  # it lets requests in flight end, for 30 s unless told otherwise
        live_url=f"{server_url()}/health",
        reads=SERVER_READS,
    )


def dashboard(settings: StackSettings) -> Service:
    """The live dashboard, by its own settings; reads what the others have."""
    own = {"TTSCOPE_DASHBOARD_HOST": settings.host, **_own(DASHBOARD_PREFIX)}
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
            **_own(PUBLIC_PREFIX),
            "DASHBOARD_PORT": str(settings.dashboard_port),
        },
    )


def inherited(reads: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment of a program: what is for all, and of the rest what begins with one of ``reads``."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(OWNED)
        or (name.startswith(reads) and not name.startswith(NOT_FOR_THE_SERVER) and name != CACHE_VARIABLE)
    }


def _called(name: str, settings: StackSettings) -> tuple[str, str]:
    """What a program calls itself in links: where people reach it; unless that is set, where it listens."""
    addresses, field = load_public(), f"{name}_url"
    known = field in addresses.model_fields_set
    url = getattr(addresses, field) if known else settings.url(getattr(settings, f"{name}_port"))
    return f"--web.external-url={url}", "--web.route-prefix=/"


def _own(prefix: str) -> dict[str, str]:
    """A program's own settings."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefix)}


def server_url() -> str:
    """Where the server answers, by its own settings."""
    host, port = _reachable(os.environ.get("TTSCOPE_HOST") or "127.0.0.1"), os.environ.get("TTSCOPE_PORT") or "8010"
    return f"http://{host}:{port}"


def _reachable(host: str) -> str:
    """The host of a URL for what listens on ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened on
    return f"[{host}]" if ":" in host else host


def _export(settings: StackSettings) -> dict[str, str]:
    """Sends a program's telemetry to the Collector."""
    return {
        "OTEL_EXPORTER_OTLP_ENDPOINT": settings.url(settings.collector_grpc_port),
        "OTEL_METRIC_EXPORT_INTERVAL": os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", str(settings.metric_interval)),
    }


def _folder(settings: StackSettings, name: str) -> Path:
    folder = settings.data_dir.absolute() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
