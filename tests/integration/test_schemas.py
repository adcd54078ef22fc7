"""Every overlay and the Helm chart against the schemas of Kubernetes and of custom resources, by kubeconform."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from stack.build import build
from stack.toolchain import NoGoError
from tests.cluster.programs import HELM, KUBECONFORM, PROMETHEUS_OPERATOR, VERSION
from tests.helm import OVERLAYS, render
from tests.integration.test_helm import COMBINATIONS
from tests.integration.test_kubernetes import KUSTOMIZE, built
from tests.kubernetes import KUBERNETES, Manifest
from tests.schemas import MODULES, Schemas, download, strict

pytestmark = pytest.mark.timeout(900)  # the first test builds the programs, if they are not in the cache


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    try:
        return build([HELM, KUSTOMIZE, KUBECONFORM], print)
    except NoGoError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def schemas(programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Schemas:
    return Schemas(download(), tmp_path_factory.mktemp("schemas"), programs["kubeconform"])


@pytest.fixture(scope="module")
def every_kind(programs: dict[str, Path]) -> list[Manifest]:
    rendered = render(programs["helm"], COMBINATIONS["together"] | COMBINATIONS["open"])
    return [*rendered, *render(programs["helm"], OVERLAYS["keda"])]


def test_the_schemas_are_of_the_versions_that_the_cluster_runs() -> None:
    pinned = (MODULES / "go.mod").read_text()
    assert f"k8s.io/kubernetes {VERSION}\n" in pinned
    module = "github.com/prometheus-operator/prometheus-operator"
    [version] = re.findall(rf"{module} (v\S+)", (PROMETHEUS_OPERATOR.folder / "go.mod").read_text())
    assert f"{module} {version}\n" in pinned


@pytest.mark.parametrize("name", OVERLAYS)
def test_every_overlay_is_valid(schemas: Schemas, programs: dict[str, Path], name: str) -> None:
    assert schemas.problems(built(programs["kustomize"], KUBERNETES / "overlays" / name).all) == []


@pytest.mark.parametrize("name", COMBINATIONS)
def test_the_chart_is_valid(schemas: Schemas, programs: dict[str, Path], name: str) -> None:
    assert schemas.problems(render(programs["helm"], COMBINATIONS[name])) == []


def container(manifest: Manifest) -> dict[str, Any]:
    found: dict[str, Any] = manifest["spec"]["template"]["spec"]["containers"][0]
    return found


FAULTS: dict[str, tuple[str, Callable[[Manifest], object]]] = {
    "Deployment: a misspelt field": ("replicaz", lambda found: found["spec"].update(replicaz=2)),
    "Deployment: a wrong type": ("/spec/replicas", lambda found: found["spec"].update(replicas="two")),
    "Deployment: a wrong enum": ("imagePullPolicy", lambda found: container(found).update(imagePullPolicy="Sometimes")),
    "StatefulSet: a misspelt field": ("readinessProb", lambda found: container(found).update(readinessProb={})),
    "StatefulSet: a missing field": ("serviceName|selector", lambda found: found["spec"].pop("selector")),
    "NetworkPolicy: a wrong enum": ("policyTypes", lambda found: found["spec"].update(policyTypes=["Inward"])),
    "Service: a wrong type": ("port", lambda found: found["spec"]["ports"][0].update(port="http")),
    "Job: a wrong enum": ("restartPolicy", lambda found: found["spec"]["template"]["spec"].update(restartPolicy="No")),
    "Prometheus: a misspelt field": ("retentions", lambda found: found["spec"].update(retentions="40d")),
    "Prometheus: a wrong type": ("/spec/replicas", lambda found: found["spec"].update(replicas="1")),
    "Prometheus: a wrong enum": ("logLevel", lambda found: found["spec"].update(logLevel="loud")),
    "ServiceMonitor: a misspelt field": ("pathh", lambda found: found["spec"]["endpoints"][0].update(pathh="/")),
    "PrometheusRule: a wrong type": ("expr", lambda found: found["spec"]["groups"][0]["rules"][0].update(expr=["up"])),
    "HorizontalPodAutoscaler: a misspelt field": ("maxReplica", lambda found: found["spec"].update(maxReplica=3)),
    "ScaledObject: a misspelt field": ("fallBack", lambda found: found["spec"].update(fallBack={})),
    "ScaledObject: a wrong enum": ("behavior", lambda found: found["spec"]["fallback"].update(behavior="same")),
    "HTTPRoute: a misspelt field": ("hostname", lambda found: found["spec"].update(hostname="example.org")),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(schemas: Schemas, every_kind: list[Manifest], fault: str) -> None:
    kind = fault.partition(":")[0]
    named, change = FAULTS[fault]
    broken = copy.deepcopy(next(each for each in every_kind if each["kind"] == kind))
    assert schemas.problems([broken]) == []
    change(broken)
    [problem] = schemas.problems([broken])
    assert problem.startswith(f"{kind} ")
    assert any(name in problem for name in named.split("|")), problem


def test_a_schema_is_made_strict_where_it_names_its_properties() -> None:
    inner = {"type": "object", "properties": {"a": {"type": "string"}}}
    opened = {**inner, "x-kubernetes-preserve-unknown-fields": True}
    texts = {"type": "object", "additionalProperties": {"type": "string"}}
    schema = {"type": "object", "properties": {"inner": inner, "opened": opened, "texts": texts}}
    assert strict(schema) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {"inner": {**inner, "additionalProperties": False}, "opened": opened, "texts": texts},
    }
