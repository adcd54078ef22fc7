"""A Compose project of the tests' own: free ports, volumes of its own, and the services whose images can be had."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.compose.engine import Docker
from tests.server_process import ROOT
from tests.stack import free_ports

NAME = "ttscope-test"
PORTS = {
    "TTSCOPE_PORT": "server",
    "PROMETHEUS_PORT": "management",
    "TTSCOPE_CONSOLE_PORT": "console",
    "DASHBOARD_PORT": "dashboard",
    "TTSCOPE_STACK_COLLECTOR_GRPC_PORT": "otlp",
    "TTSCOPE_STACK_COLLECTOR_HTTP_PORT": "otlp-http",
    "TTSCOPE_STACK_COLLECTOR_HEALTH_PORT": "collector",
    "TTSCOPE_STACK_PROMETHEUS_PORT": "prometheus",
    "TTSCOPE_STACK_TEMPO_PORT": "tempo",
    "TTSCOPE_STACK_JAEGER_PORT": "jaeger",
    "TTSCOPE_STACK_ALERTMANAGER_PORT": "alertmanager",
    "TTSCOPE_STACK_MLFLOW_PORT": "mlflow",
    "GRAFANA_PORT": "grafana",
}
"""The variables that set a published port."""
UP_SECONDS = 600
FILES = (ROOT / "compose.yaml", ROOT / "deploy" / "compose" / "jaeger.yaml")
"""With Jaeger in place of Tempo."""


@dataclass(frozen=True, slots=True)
class Project:
    """compose.yaml as one project of ``docker``."""

    docker: Docker
    compose: Path
    files: tuple[Path, ...]
    environment: Mapping[str, str]

    def __call__(self, *arguments: str, seconds: float = UP_SECONDS) -> str:
        """Returns what Compose prints. Raises AssertionError with its error output if it fails."""
        files = [word for file in self.files for word in ("--file", str(file))]
        done = subprocess.run(
            [str(self.compose), "--project-name", NAME, *files, *arguments],
            cwd=ROOT,
            env={**_without_ours(os.environ), **self.docker.environment, **self.environment},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"docker compose {' '.join(arguments)}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
        return done.stdout

    def url(self, name: str) -> str:
        """Returns the base of the URL of a published port."""
        [variable] = [variable for variable, what in PORTS.items() if what == name]
        return f"http://127.0.0.1:{self.environment[variable]}"

    def up(self) -> None:
        """Starts everything; returns when what has a health check is healthy."""
        self("up", "--detach", "--no-build", "--wait", "--wait-timeout", str(UP_SECONDS), seconds=UP_SECONDS + 60)

    def containers(self) -> dict[str, dict[str, Any]]:
        """Returns what Docker says of each service's container, stopped ones included."""
        lines = self("ps", "--all", "--format", "json").splitlines()
        names = {str(line["Service"]): str(line["Name"]) for line in map(json.loads, lines)}
        return {service: json.loads(self.docker("inspect", name))[0] for service, name in names.items()}


def services(compose: Path, docker: Docker) -> dict[str, dict[str, Any]]:
    """Returns compose.yaml's services, as Compose understands them with Jaeger in place of Tempo."""
    printed = Project(docker, compose, FILES, {})("config", "--format", "json")
    return dict(json.loads(printed)["services"])


def without(names: Collection[str], folder: Path) -> Path:
    """Returns an override that leaves out these services, and what depends on them does without."""
    override = folder / "without.yaml"
    lines = [f"  {name}: !reset null" for name in sorted(names)]
    override.write_text("services:\n" + "\n".join(lines) + "\n" if lines else "{}\n")
    return override


def project(docker: Docker, compose: Path, overrides: Sequence[Path]) -> Project:
    """Returns a project on free ports."""
    ports = free_ports(list(PORTS.values()))
    environment = {variable: str(ports[name]) for variable, name in PORTS.items()}
    return Project(docker, compose, (*FILES, *overrides), environment)


def _without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    ours = re.compile("TTSCOPE_|OTEL_|COMPOSE_|METRICS_|GRAFANA_|MLFLOW_|PROMETHEUS_|DASHBOARD_")
    return {name: value for name, value in environment.items() if not ours.match(name)}
