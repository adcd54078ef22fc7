"""The Prometheus operator of the version that the overlay monitoring needs, with the definitions of its resources."""

from __future__ import annotations

import json
from pathlib import Path

from stack.toolchain import find
from tests.cluster.cluster import Cluster
from tests.cluster.processes import run
from tests.cluster.programs import PROMETHEUS_OPERATOR

MODULE = "github.com/prometheus-operator/prometheus-operator"
MANIFESTS = Path(__file__).parent / "operator.yaml"


def definitions() -> Path:
    """Returns the folder of the custom resources' definitions, which are in the operator's Go module."""
    go = find().command
    folder = PROMETHEUS_OPERATOR.folder
    printed = run("env", "-C", str(folder), go, "mod", "download", "-json", MODULE, seconds=300)
    return Path(json.loads(printed)["Dir"]) / "example" / "prometheus-operator-crd"


def install(cluster: Cluster) -> None:
    """Installs the operator; returns when it runs."""
    cluster.kubectl("apply", "--server-side", "--filename", str(definitions()))
    cluster.kubectl("apply", "--filename", str(MANIFESTS))
    cluster.kubectl("--namespace=operator", "rollout", "status", "deployment/operator", "--timeout=2m")


def uninstall(cluster: Cluster) -> None:
    """Removes the operator, and the definitions with all that was made of them."""
    cluster.kubectl("delete", "--filename", str(MANIFESTS), "--timeout=2m", seconds=180)
    cluster.kubectl("delete", "--filename", str(definitions()), "--timeout=2m", seconds=180)
