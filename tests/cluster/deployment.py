"""The manifests on the cluster, as they are shipped but for two things of the server.

It asks for less of a processor, so that it fits, and keeps all traces, since tests count them.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.cluster import Cluster, until
from tests.http_calls import fetch
from tests.kubernetes import KUBERNETES, NAME

NAMESPACE = "ttscope"
SERVER_CPU = "500m"
"""What a server asks for, in place of two cores, so that three fit on two nodes that share them."""
READY_SECONDS = 600.0
FORWARDED = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


@dataclass(frozen=True, slots=True)
class Deployment:
    """An overlay that is applied to ``cluster``; ``folder`` has the kustomization that names it."""

    cluster: Cluster
    folder: Path

    def kubectl(self, *arguments: str, seconds: float = 120.0) -> str:
        """Returns what kubectl prints, in the namespace of the overlay."""
        return self.cluster.kubectl(f"--namespace={NAMESPACE}", *arguments, seconds=seconds)

    def apply(self) -> dict[str, str]:
        """Applies the overlay; returns what became of each object: created, configured or unchanged."""
        printed = self.cluster.kubectl("apply", "--kustomize", str(self.folder))
        return dict(line.split(" ", 1) for line in printed.splitlines())

    def get(self, path: str) -> list[dict[str, Any]]:
        """Returns the objects of the namespace at a path such as /api/v1 pods."""
        group, _, kind = path.rpartition(" ")
        return self.cluster.api.list(f"{group}/namespaces/{NAMESPACE}/{kind}")

    def pods(self, name: str = "") -> list[dict[str, Any]]:
        """Returns the pods, or those of one program, that are not about to end."""
        return [
            pod
            for pod in self.get("/api/v1 pods")
            if "deletionTimestamp" not in pod["metadata"] and (not name or label(pod) == name)
        ]

    def unready(self) -> dict[str, str]:
        """Returns the pods that are neither ready nor done, with why."""
        return {pod["metadata"]["name"]: _why(pod) for pod in self.pods() if _why(pod)}

    def until_ready(self, *others: str) -> None:
        """Waits until every pod is ready whose images can be had, but for those of the programs ``others``."""

        def waiting() -> dict[str, str]:
            without = {pod["metadata"]["name"] for pod in self.pods() if not _images(pod) <= self.cluster.images}
            unready = {name: why for name, why in self.unready().items() if name not in without}
            return {name: why for name, why in unready.items() if not name.startswith(others)}

        until(lambda: self.pods() and not waiting(), "every pod is ready", lambda: json.dumps(waiting()), READY_SECONDS)

    def endpoints(self, service: str) -> set[str]:
        """Returns the pods to which a Service sends new connections."""
        slices = self.get("/apis/discovery.k8s.io/v1 endpointslices")
        return {
            endpoint["targetRef"]["name"]
            for each in slices
            if each["metadata"]["labels"]["kubernetes.io/service-name"] == service
            for endpoint in each["endpoints"] or []
            if endpoint["conditions"]["ready"]
        }

    def address(self, service: str) -> str:
        """Returns the address of a Service, which this machine reaches as a client outside the cluster does."""
        path = f"/api/v1/namespaces/{NAMESPACE}/services/{service}"
        return str(self.cluster.api.get(path)["spec"]["clusterIP"])

    def secret(self, name: str, key: str) -> str:
        """Returns what is under a key of a Secret."""
        found = self.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}")
        return base64.b64decode(found["data"][key]).decode()

    @contextmanager
    def forward(self, target: str, port: int) -> Iterator[str]:
        """Yields the URL at which `kubectl port-forward` offers a port."""
        command = [
            str(self.cluster.binaries["kubectl"]),
            f"--namespace={NAMESPACE}",
            "port-forward",
            target,
            f":{port}",
        ]
        process = subprocess.Popen(
            command, env=self.cluster.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = FORWARDED.search(line)
            assert found, f"kubectl port-forward {target} {port}: {line}"
            yield f"http://127.0.0.1:{found[1]}"
        finally:
            process.kill()
            process.wait()

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Returns the result of a query of Prometheus."""
        with self.forward("service/prometheus", 9090) as url:
            answer = fetch(f"{url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}")
        return list(json.loads(answer)["data"]["result"])

    def value(self, promql: str) -> float:
        """Returns the value of a query that has one result; 0 without one."""
        result = self.query(promql)
        return float(result[0]["value"][1]) if result else 0.0

    def remove(self) -> None:
        """Deletes the namespace, and waits until nothing of it is left."""
        self.cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=4m", seconds=300)


def deployment(cluster: Cluster, overlay: str) -> Deployment:
    """Returns an overlay that is not applied yet."""
    folder = cluster.folder / "kustomizations" / overlay
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    sampler = {"name": "OTEL_TRACES_SAMPLER", "value": "always_on"}
    container = {"name": "server", "env": [sampler], "resources": {"requests": {"cpu": SERVER_CPU}}}
    patch = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }
    kustomization = {
        "resources": [os.path.relpath(KUBERNETES / "overlays" / overlay, folder)],
        "namespace": NAMESPACE,
        "patches": [{"patch": yaml.safe_dump(patch)}],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return Deployment(cluster, folder)


def label(pod: dict[str, Any]) -> str:
    """Returns which program a pod runs."""
    return str(pod["metadata"]["labels"].get(NAME, ""))


def is_ready(pod: dict[str, Any]) -> bool:
    """Whether a pod is ready."""
    conditions = pod["status"].get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _images(pod: dict[str, Any]) -> set[str]:
    return {str(container["image"]).removeprefix("docker.io/") for container in pod["spec"]["containers"]}


def _why(pod: dict[str, Any]) -> str:
    """Returns why a pod is neither ready nor done; empty if it is."""
    if is_ready(pod) or pod["status"].get("phase") == "Succeeded":
        return ""
    for status in pod["status"].get("containerStatuses", []):
        for state in (status["state"].get("waiting"), status.get("lastState", {}).get("terminated")):
            if state and not status["ready"]:
                return f"{status['name']}: {state.get('reason')} {state.get('message', '')}"[:300]
    conditions = [each for each in pod["status"].get("conditions", []) if each["status"] != "True"]
    return "; ".join(f"{each['type']}: {each.get('message', '')}" for each in conditions) or "not seen by a node yet"
