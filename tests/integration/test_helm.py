"""The Helm chart as Helm renders it: what Kustomize builds, with every value in its place. No cluster is needed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.chart.templates import COMPONENTS as CHART_COMPONENTS
from deploy.chart.templates import chart
from stack.build import build
from stack.toolchain import NoGoError
from tests.cluster.programs import HELM
from tests.helm import CHART, OVERLAYS, HelmError, comparable, differences, render, run
from tests.integration.test_kubernetes import KUSTOMIZE, built
from tests.kubernetes import KUBERNETES, Manifest, Manifests

pytestmark = pytest.mark.timeout(900)  # the first test builds Helm, if it is not in the cache

COMPONENTS = {each.name: OVERLAYS[each.name] for each in CHART_COMPONENTS if each.name != "keda"}
"""Those that can be together, in the chart's order: there is one autoscaler."""
TOGETHER: dict[str, Any] = {}
for _values in COMPONENTS.values():
    TOGETHER |= _values
DIGEST = "sha256:" + "0" * 64
MOST_BYTES = 1_048_576
"""Of a Secret, in which Helm stores a release: the chart with its files, and the objects."""


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    try:
        return build([HELM, KUSTOMIZE], print)
    except NoGoError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def helm(programs: dict[str, Path]) -> Path:
    return programs["helm"]


@pytest.fixture(scope="module")
def cpu(programs: dict[str, Path]) -> dict[str, Manifest]:
    return comparable(built(programs["kustomize"], KUBERNETES / "overlays" / "cpu").all)


@pytest.fixture(scope="module")
def default(helm: Path) -> list[Manifest]:
    return render(helm, {})


def test_helm_finds_nothing_wrong(helm: Path) -> None:
    assert "0 chart(s) failed" in run(helm, "lint", "--strict", CHART)


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_chart_is_the_overlay(programs: dict[str, Path], name: str) -> None:
    overlay = built(programs["kustomize"], KUBERNETES / "overlays" / name)
    rendered = render(programs["helm"], OVERLAYS[name])
    assert differences(comparable(rendered), comparable(overlay.all)) == []
    assert len(comparable(rendered)) == len(overlay.all)


def test_components_can_be_combined(programs: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(os.path.relpath(KUBERNETES, tmp_path.resolve()))
    kustomization = {
        "resources": [str(folder / "base")],
        "components": [str(folder / "components" / name) for name in COMPONENTS],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    overlay = built(programs["kustomize"], tmp_path)
    assert differences(comparable(render(programs["helm"], TOGETHER)), comparable(overlay.all)) == []


def replace(path: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / path).read_text()
        assert old in text
        (folder / path).write_text(text.replace(old, new, 1))

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "Deployment server": replace("templates/server.yaml", "failureThreshold: 2", "failureThreshold: 3"),
    "PodDisruptionBudget server": replace("templates/server.yaml", "kind: PodDisruptionBudget", "kind: Service2"),
    "NetworkPolicy server": replace("templates/network.yaml", "port: 6379", "port: 6380"),
    "StatefulSet collector": replace("values.yaml", "tag: 0.157.0", "tag: 0.158.0"),
    "ConfigMap collector-config": lambda folder: (folder / "files/stack/config/collector.yaml").write_text("{}"),
    "Deployment grafana": replace("templates/grafana.yaml", "app.kubernetes.io/part-of: ttscope", "app: ttscope"),
    "PersistentVolumeClaim jaeger": lambda folder: (folder / "templates/jaeger.yaml").unlink(),
    "Secret more": lambda folder: (folder / "templates/more.yaml").write_text(
        "apiVersion: v1\nkind: Secret\nmetadata: { name: more }\n"
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_differs_is_found(helm: Path, cpu: dict[str, Manifest], tmp_path: Path, name: str) -> None:
    changed = shutil.copytree(CHART, tmp_path / "chart")
    CHANGES[name](changed)
    found = differences(comparable(render(helm, {}, changed)), cpu)
    assert name in found or any(name in each for each in found), found


INGRESS = {"ingress": {"enabled": True, "host": "speech.example.org", "tlsSecret": "certificate"}}
ROUTE = {"httpRoute": {"enabled": True, "gateway": {"name": "public"}, "hostnames": ["tts.example.org"]}}
IMAGES = {
    "images": {
        "registry": "example.org",
        "mirror": "example.com:5000",
        "pullPolicy": "Always",
        "pullSecrets": ["login"],
    },
    "redis": {"image": {"digest": DIGEST}},
}
COMBINATIONS: dict[str, dict[str, Any]] = {**OVERLAYS, "together": TOGETHER, "open": INGRESS | ROUTE, "images": IMAGES}


@pytest.mark.parametrize("name", COMBINATIONS)
def test_nothing_is_wrong(helm: Path, name: str) -> None:
    rendered = render(helm, COMBINATIONS[name])
    pods = [each for each in rendered if each["kind"] == "Pod"]
    jobs = [{**pod, "kind": "Job", "spec": {"template": {**pod, "metadata": pod["metadata"]}}} for pod in pods]
    found = Manifests([*(each for each in rendered if each["kind"] != "Pod"), *jobs]).problems()
    assert len(pods) == 1
    assert [problem for problem in found if not problem.startswith("test-speech has no")] == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_a_variable_comes_after_those_that_it_reads(helm: Path, name: str) -> None:
    for container in Manifests(render(helm, OVERLAYS[name])).containers().values():
        earlier: set[str] = set()
        for variable in container.get("env", []):
            assert set(re.findall(r"\$\((\w+)\)", variable.get("value", ""))) <= earlier, variable
            earlier.add(variable["name"])


def test_images_come_from_the_chosen_registries(helm: Path) -> None:
    found = Manifests(render(helm, IMAGES))
    images = {name: container["image"] for name, container in found.containers().items()}
    assert images["server"] == "example.org/ttscope:0.1.0"
    assert images["redis"].startswith("example.com:5000/valkey/valkey:")
    assert images["redis"].endswith(f"@{DIGEST}")
    assert all(image.startswith(("example.org/ttscope", "example.com:5000/")) for image in images.values())
    for pod in found.pods().values():
        assert pod["spec"]["imagePullSecrets"] == [{"name": "login"}]
        assert {each["imagePullPolicy"] for each in pod["spec"]["containers"]} == {"Always"}


def test_every_value_has_an_effect(helm: Path, default: list[Manifest]) -> None:
    """Each gets a text or a number of its own, and all of these are in what is rendered."""
    marks: dict[str, str] = {}
    switches = ("gpu", "sharedVoices", "probe", "wyoming", "ingress", "httpRoute")
    arguments: dict[str, Any] = {f"{name}.enabled": True for name in switches}
    switched = set(arguments)
    for number, value in enumerate(chart().values):
        mark = mark_of(value.schema, value.path, number)
        if mark:
            arguments[value.path], marks[value.path] = mark
    without = {path: value for path, value in arguments.items() if not path.startswith(("gpu.", "existingSecrets."))}
    several = [
        {**arguments, "traceStore": "tempo"},
        {**without, "autoscaling.by": "hpa"},
        {**without, "autoscaling.by": "none"},
    ]
    text = "".join(str(render(helm, values)) for values in several)
    assert [path for path, mark in marks.items() if mark not in text] == []
    assert [path for path, mark in marks.items() if mark in str(default)] == []
    assert {value.path for value in chart().values} - marks.keys() == {
        "namespace.create",
        *switched,
        "monitoring.enabled",
        "traceStore",
        "autoscaling.by",
        "images.pullPolicy",
        "wyoming.serviceType",
    }, "the tests of these are beside this one"


def mark_of(schema: dict[str, Any], path: str, number: int) -> tuple[Any, str] | None:
    """A value that the schema allows, and the text by which it is recognized; None for a switch."""
    name, quantity = f"mark{number}end", f"{4000 + number}Mi"
    match schema:
        case {"enum": _} | {"type": "boolean"}:
            return None
        case {"type": "integer"}:
            mark: tuple[Any, str] = (1000 + number, str(1000 + number))
        case {"type": "array", "items": {"type": "object"}}:
            mark = [{"secretRef": {"name": name}}], name
        case {"type": "array"}:
            mark = [name], name
        case {"type": "object", "properties": _}:
            mark = {"limits": {"memory": quantity}}, quantity
        case {"type": "object"}:
            mark = {name.upper(): "1"}, name.upper()
        case _ if path.endswith("storage"):
            mark = quantity, quantity
        case _ if path.endswith("digest"):
            digest = hashlib.sha256(name.encode()).hexdigest()
            mark = f"sha256:{digest}", digest
        case _:
            mark = name, name
    return mark


def test_switches_have_an_effect(helm: Path, default: list[Manifest]) -> None:
    def found(values: dict[str, Any]) -> list[str]:
        return differences(comparable(render(helm, values)), comparable(default))

    assert found({"namespace.create": False}) == ["Namespace ttscope"]
    assert found(INGRESS) == ["Deployment server", "Ingress server"]
    assert found(ROUTE) == ["Deployment server", "HTTPRoute server"]
    wyoming = {"wyoming.enabled": True}
    assert found(wyoming) == ["Deployment server", "NetworkPolicy server-wyoming", "Service wyoming"]
    rendered = Manifests(render(helm, {**wyoming, "wyoming.serviceType": "LoadBalancer"}))
    assert rendered.named("Service")["wyoming"]["spec"]["type"] == "LoadBalancer"


def test_a_wrong_value_is_refused_with_its_name(helm: Path) -> None:
    for values, name in (
        ({"server.replicaz": 3}, "replicaz"),
        ({"server.replicas": "three"}, "/server/replicas"),
        ({"traceStore": "zipkin"}, "/traceStore"),
        ({"server.env": {"TTSCOPE_DRAIN_SECONDS": "3"}}, "TTSCOPE_DRAIN_SECONDS"),
        ({"ingress.enabled": True}, "ingress.host"),
        ({"httpRoute.enabled": True}, "httpRoute.gateway.name"),
        ({"namespace.name": "default"}, "namespace.name"),
    ):
        with pytest.raises(HelmError, match=name):
            render(helm, values)


def test_everything_can_be_in_another_namespace(helm: Path) -> None:
    for values, namespace in (({"namespace.name": "speech"}, "default"), ({"namespace.name": ""}, "speech")):
        rendered = render(helm, {**TOGETHER, **values}, namespace=namespace)
        assert {each["metadata"].get("namespace") for each in rendered} == {"speech", "kube-system", None}
        assert "ttscope.svc" not in str(rendered)
        assert "'namespace': 'ttscope'" not in str(rendered)
        hosts = Manifests(rendered).environment("server")["TTSCOPE_ALLOWED_HOSTS"].split(",")
        assert "server.speech.svc.cluster.local" in hosts


def test_servers_accept_the_names_by_which_they_are_reached(helm: Path) -> None:
    values = {**INGRESS, **ROUTE, "server.allowedHosts": ["proxy", "server"]}
    found = Manifests(render(helm, values))
    hosts = found.environment("server")["TTSCOPE_ALLOWED_HOSTS"].split(",")
    assert hosts[0] == "server"
    assert hosts[-3:] == ["proxy", "speech.example.org", "tts.example.org"]
    [rule] = found.named("Ingress")["server"]["spec"]["rules"]
    [path] = rule["http"]["paths"]
    assert rule["host"] == "speech.example.org"
    assert path["backend"]["service"] == {"name": "server", "port": {"name": "http"}}
    [tls] = found.named("Ingress")["server"]["spec"]["tls"]
    assert tls == {"hosts": ["speech.example.org"], "secretName": "certificate"}
    assert found.named("HTTPRoute")["server"]["spec"]["hostnames"] == ["tts.example.org"]


def test_secrets_of_ones_own_replace_those_of_the_job(helm: Path) -> None:
    one = Manifests(render(helm, {"existingSecrets.keys": "my-keys"}))
    [job] = one.named("Job").values()
    [container] = job["spec"]["template"]["spec"]["containers"]
    assert container["args"] == ["ttscope-redis", "ttscope-grafana"]
    assert "ttscope-keys" not in str(one.pods())
    names = {f"existingSecrets.{name}": f"my-{name}" for name in ("keys", "redis", "grafana")}
    every = Manifests(render(helm, names))
    assert not [each for each in every.all if each["metadata"]["name"].startswith("make-secrets")]
    every.secrets = {name.replace("ttscope-", "my-"): content for name, content in every.secrets.items()}
    assert [problem for problem in every.problems() if "test-speech" not in problem] == []


def test_a_server_that_stops_has_the_time_to_drain(helm: Path, default: list[Manifest]) -> None:
    longer = Manifests(render(helm, {"server.drainSeconds": 100}))
    seconds = [
        found.pods()["server"]["spec"]["terminationGracePeriodSeconds"] for found in (longer, Manifests(default))
    ]
    assert longer.environment("server")["TTSCOPE_DRAIN_SECONDS"] == "100"
    assert seconds[0] - seconds[1] == 2 * (100 - 30)


def test_a_changed_file_starts_the_pods_that_read_it(helm: Path, default: list[Manifest], tmp_path: Path) -> None:
    changed = shutil.copytree(CHART, tmp_path / "chart")
    with (changed / "files/stack/config/prometheus.yml").open("a") as file:
        file.write("# another one\n")
    with (changed / "files/deploy/kubernetes/base/make_secrets.py").open("a") as file:
        file.write("# another one\n")
    before, after = Manifests(default), Manifests(render(helm, {}, changed))
    pods = {name: pod for name, pod in after.pods().items() if pod != before.pods().get(name)}
    [job] = after.named("Job")
    assert pods.keys() == {"prometheus", job}
    assert job not in before.pods(), "a Job can't be changed: it has another name"
    assert job.startswith("make-secrets-")


def test_the_package_is_the_folder_and_a_release_fits_into_a_secret(
    helm: Path, default: list[Manifest], tmp_path: Path
) -> None:
    run(helm, "package", CHART, "--destination", tmp_path)
    [package] = tmp_path.glob("ttscope-*.tgz")
    rendered = render(helm, {}, package)
    assert rendered == default
    with tarfile.open(package) as files:
        members = [files.extractfile(member) for member in files]
        texts = [base64.b64encode(file.read()).decode() for file in members if file]
    release = base64.b64encode(gzip.compress(json.dumps([texts, rendered]).encode()))  # as Helm stores it
    assert 100_000 < len(release) < MOST_BYTES * 0.9


def test_what_is_stored_outlives_the_release(default: list[Manifest]) -> None:
    kept = {
        f"{each['kind']} {each['metadata']['name']}"
        for each in default
        if each["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }
    stored = {
        f"{each['kind']} {each['metadata']['name']}" for each in default if each["kind"] == "PersistentVolumeClaim"
    }
    assert kept == {*stored, "Namespace ttscope"}
    assert len(stored) >= 7
