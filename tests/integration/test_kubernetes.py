"""Every overlay of deploy/kubernetes, as kustomize builds it: what `kubectl apply -k` sends. No cluster is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from drift.prediction.shared_model import NAME
from stack.build import build
from stack.programs import ALERTMANAGER, COLLECTOR, PROMETHEUS, Program
from stack.remote_write import configuration
from stack.toolchain import NoGoError
from tests.kubernetes import KUBERNETES, Manifests
from tests.server_process import ROOT

pytestmark = pytest.mark.timeout(900)  # the first test builds kustomize, if it is not in the cache

KUSTOMIZE = Program("kustomize", ("sigs.k8s.io/kustomize/kustomize/v5",), ("kustomize",), 1)
OVERLAYS = sorted(path.name for path in (KUBERNETES / "overlays").iterdir())
MOST_BYTES = 262_144
"""`kubectl apply` keeps each object in an annotation, and no object's annotations may be longer."""
WITHOUT_NAMESPACE = {"Namespace", "ClusterRole", "ClusterRoleBinding", "APIService"}
IN_KUBE_SYSTEM = {"ttscope-prometheus-adapter"}
"""The Role that it binds, by which the adapter knows the API server, is there."""


@pytest.fixture(scope="module")
def programs() -> dict[str, Path]:
    try:
        return build([KUSTOMIZE, PROMETHEUS, ALERTMANAGER, COLLECTOR], print)
    except NoGoError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def overlays(programs: dict[str, Path]) -> dict[str, Manifests]:
    return {name: built(programs["kustomize"], KUBERNETES / "overlays" / name) for name in OVERLAYS}


def built(kustomize: Path, folder: Path) -> Manifests:
    done = subprocess.run([str(kustomize), "build", str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "kustomize warns"
    return Manifests(list(yaml.safe_load_all(done.stdout)))


def test_the_overlays_are_those_of_the_documentation() -> None:
    assert OVERLAYS == ["autoscaling", "cpu", "gpu", "keda", "monitoring", "probe", "shared-voices", "tempo", "wyoming"]
    page = (ROOT / "deploy" / "README.md").read_text()
    assert all(f"overlays/{name}" in page for name in OVERLAYS)


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_is_wrong(overlays: dict[str, Manifests], name: str) -> None:
    assert overlays[name].problems() == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_all_is_in_one_namespace_marked_as_ours_and_small_enough(overlays: dict[str, Manifests], name: str) -> None:
    for each in overlays[name].all:
        of_whom = f"{each['kind']} {each['metadata']['name']}"
        if each["kind"] not in WITHOUT_NAMESPACE:
            namespace = "kube-system" if each["metadata"]["name"] in IN_KUBE_SYSTEM else "ttscope"
            assert each["metadata"]["namespace"] == namespace, of_whom
        assert each["metadata"]["labels"]["app.kubernetes.io/part-of"] == "ttscope", of_whom
        assert len(json.dumps(each)) < MOST_BYTES, of_whom


def test_a_changed_configuration_starts_pods_anew(overlays: dict[str, Manifests]) -> None:
    for pod in ("collector", "collector-agent", "jaeger"):
        configuration = f"{pod}-config"
        volumes = overlays["cpu"].pods()[pod]["spec"]["volumes"]
        [name] = [each["configMap"]["name"] for each in volumes if "configMap" in each]
        assert name.startswith(f"{configuration}-"), "its name has a hash of what it holds"


@pytest.mark.parametrize("name", ["cpu", "tempo"])
def test_programs_accept_the_files_that_are_mounted(
    overlays: dict[str, Manifests], programs: dict[str, Path], tmp_path: Path, name: str
) -> None:
    for pod, volume, program, arguments in (
        ("prometheus", "config", "promtool", ["check", "config", "prometheus.yml"]),
        ("alertmanager", "config", "amtool", ["check-config", "alertmanager.yml"]),
        ("collector", "collector-config", "collector", ["validate", "--config=file:collector.yaml"]),
        ("collector-agent", "config", "collector", ["validate", "--config=file:agent.yaml"]),
    ):
        folder = tmp_path / pod
        folder.mkdir()
        overlays[name].write_volume(pod, volume, folder)
        own = overlays[name].environment(pod)
        environment = {**os.environ, **own, "COLLECTOR_DATA_DIR": str(tmp_path)}
        command = [str(programs[program]), *arguments]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        if pod == "prometheus":
            assert done.stdout.count("rules found") == 1 + len(list((ROOT / "alerting" / "rules").glob("*.yml")))


def test_prometheus_forwards_with_the_files_of_the_documentation(programs: dict[str, Path], tmp_path: Path) -> None:
    page = (ROOT / "docs" / "scale.md").read_text()
    files = dict(re.findall(r"```yaml\n# remote-write/([\w.]+)\n(.*?)```", page, re.DOTALL))
    assert set(files) == {"stores.yml", "kustomization.yaml", "network.yaml"}
    for name, content in {**files, "token": "secret"}.items():
        overlays = os.path.relpath(KUBERNETES / "overlays", tmp_path)
        (tmp_path / name).write_text(content.replace("../deploy/kubernetes/overlays", overlays))
    (tmp_path / "prometheus.yml").write_text(configuration(str(tmp_path / "stores.yml")))
    manifests = built(programs["kustomize"], tmp_path)
    assert manifests.problems() == []
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    manifests.write_volume("prometheus", "config", mounted)
    command = [str(programs["promtool"]), "check", "config", "--syntax-only", str(mounted / "prometheus.yml")]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert yaml.safe_load((mounted / "prometheus.yml").read_text())["remote_write"][0]["send_native_histograms"]
    pod = manifests.pods()["prometheus"]["spec"]
    [secret] = [each["secret"]["secretName"] for each in pod["volumes"] if "secret" in each]
    assert manifests.named("Secret")[secret]["data"]["token"]
    assert "/remote-write" in [each["mountPath"] for each in pod["containers"][0]["volumeMounts"]]


def test_registered_voices_lie_on_a_volume_of_all_servers(overlays: dict[str, Manifests]) -> None:
    manifests = overlays["shared-voices"]
    [claim] = [each for each in manifests.all if each["metadata"]["name"] == "shared-voices"]
    assert (claim["kind"], claim["metadata"]["namespace"]) == ("PersistentVolumeClaim", "ttscope")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    [mount] = [each for each in manifests.containers()["server"]["volumeMounts"] if each["name"] == "shared"]
    assert manifests.environment("server")["TTSCOPE_SHARED_STORE"] == mount["mountPath"]
    [volume] = [each for each in manifests.pods()["server"]["spec"]["volumes"] if each["name"] == "shared"]
    assert volume["persistentVolumeClaim"]["claimName"] == "shared-voices"


def test_the_prediction_model_is_on_that_volume_and_the_drift_job_sees_nothing_else_of_it(
    overlays: dict[str, Manifests],
) -> None:
    manifests = overlays["shared-voices"]
    store = manifests.environment("drift")["TTSCOPE_DRIFT_SHARED_STORE"]
    [mount] = [each for each in manifests.containers()["drift"]["volumeMounts"] if each["name"] == "shared"]
    folder = str(Path(NAME).parent)
    assert (mount["subPath"], mount["mountPath"]) == (folder, f"{store}/{folder}")
    [volume] = [each for each in manifests.pods()["collector"]["spec"]["volumes"] if each["name"] == "shared"]
    assert volume["persistentVolumeClaim"]["claimName"] == "shared-voices"
    users = [manifests.pods()[name]["spec"]["securityContext"]["runAsUser"] for name in ("server", "collector")]
    assert users[0] == users[1]
    assert "TTSCOPE_PREDICTION_FILE" not in manifests.environment("server")


def test_the_prober_is_that_of_compose_with_a_key_of_its_own(overlays: dict[str, Manifests]) -> None:
    manifests = overlays["probe"]
    container = manifests.containers()["probe"]
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["probe"]
    assert container["image"] == service["image"]
    assert container["command"] == service["command"]
    assert container["resources"]["limits"]["memory"] == f"{service['deploy']['resources']['limits']['memory']}i"
    assert {("probe", "server", 8010), ("probe", "collector-agent", 4317)} <= set(manifests.connections())


def test_home_assistant_reaches_wyomings_port_on_servers_without_keys(overlays: dict[str, Manifests]) -> None:
    manifests = overlays["wyoming"]
    environment = manifests.environment("server")
    assert environment["TTSCOPE_WYOMING_PORT"] == "10200"
    assert environment["TTSCOPE_ALLOW_ANONYMOUS"] == "true"
    assert "TTSCOPE_KEYS_FILE" not in environment
    service = manifests.named("Service")["wyoming"]["spec"]
    [port] = service["ports"]
    [opened] = [each for each in manifests.containers()["server"]["ports"] if each["name"] == port["targetPort"]]
    assert (service["type"], port["port"], opened["containerPort"]) == ("ClusterIP", 10200, 10200)
    assert manifests.allowed("ingress", service["selector"], {"app": "home-assistant"}, 10200)
    for name in set(OVERLAYS) - {"wyoming"}:
        assert "TTSCOPE_WYOMING_PORT" not in overlays[name].environment("server")
        assert not overlays[name].allowed("ingress", service["selector"], {"app": "home-assistant"}, 10200)


def test_the_gpu_is_asked_for(overlays: dict[str, Manifests]) -> None:
    server, agent = (overlays["gpu"].pods()[name]["spec"] for name in ("server", "collector-agent"))
    assert server["tolerations"] == agent["tolerations"], "a server on a node without an agent"
    assert overlays["gpu"].environment("server") == {**overlays["cpu"].environment("server"), "TTSCOPE_DEVICE": "cuda"}
    assert overlays["gpu"].containers()["server"]["resources"]["limits"] == {"memory": "12Gi", "nvidia.com/gpu": "1"}


def test_tempo_takes_the_place_of_jaeger(overlays: dict[str, Manifests]) -> None:
    """Tempo is under the AGPL: only who chooses it gets it."""
    assert "tempo" not in {name for other in OVERLAYS if other != "tempo" for name in overlays[other].containers()}
    tempo = overlays["tempo"]
    assert "jaeger" not in {*tempo.containers(), *tempo.named("Service"), *tempo.named("PersistentVolumeClaim")}
    expected = {("collector", "tempo", 14317), ("collector", "tempo", 3200), ("grafana", "tempo", 3200)}
    assert expected <= set(tempo.connections())
    for name, store in (("cpu", "jaeger"), ("tempo", "tempo")):
        service = json.loads(overlays[name].named("ConfigMap")["ttscope-dashboard-service"]["data"]["service.json"])
        asked = [panel["datasource"]["type"] for panel in service["panels"] if panel["title"] == "Slowest requests"]
        assert asked == [overlays[name].environment("grafana")["TRACE_STORE"]] == [store]
    [config] = [each for each in tempo.pods()["prometheus"]["spec"]["volumes"] if each["name"] == "config"]
    items = [item for each in config["projected"]["sources"] for item in each["configMap"].get("items", [])]
    assert {"key": "pipeline-tempo.yml", "path": "pipeline.yml"} in items


def test_the_operator_runs_prometheus_and_no_number_is_counted_twice(overlays: dict[str, Manifests]) -> None:
    monitoring = overlays["monitoring"]
    assert "prometheus" not in monitoring.pods()
    assert monitoring.environment("server")["OTEL_METRICS_EXPORTER"] == "none"
    assert len(monitoring.named("ServiceMonitor")) == 5
    assert monitoring.named("PrometheusRule")
    label = monitoring.named("Prometheus")["ttscope"]["spec"]["serviceMonitorSelector"]["matchLabels"]
    assert all(
        label.items() <= each["metadata"]["labels"].items() for each in monitoring.named("ServiceMonitor").values()
    )
    assert all(
        label.items() <= each["metadata"]["labels"].items() for each in monitoring.named("PrometheusRule").values()
    )
    prometheus = {"app.kubernetes.io/name": "prometheus"}
    server = {"app.kubernetes.io/name": "server"}
    assert monitoring.allowed("egress", prometheus, server, 8002)
    assert monitoring.allowed("ingress", server, prometheus, 8002)
    assert not overlays["cpu"].allowed("ingress", server, prometheus, 8002)


@pytest.mark.parametrize("name", ["autoscaling", "keda"])
def test_the_number_of_servers_is_the_autoscalers(overlays: dict[str, Manifests], name: str) -> None:
    """A number in the manifest would be set again by every `kubectl apply`."""
    assert "replicas" not in overlays[name].named("Deployment")["server"]["spec"]
    assert overlays["cpu"].named("Deployment")["server"]["spec"]["replicas"] == 2


def test_the_adapter_is_reached_reaches_prometheus_and_may_do_no_more(overlays: dict[str, Manifests]) -> None:
    scaled = overlays["autoscaling"]
    adapter = scaled.pods()["prometheus-adapter"]
    labels, prometheus = adapter["metadata"]["labels"], {"app.kubernetes.io/name": "prometheus"}
    [address] = [each for each in scaled.containers()["prometheus-adapter"]["args"] if "--prometheus-url=" in each]
    assert address.endswith("=http://prometheus:9090/")
    assert scaled.allowed("egress", labels, prometheus, 9090)
    assert scaled.allowed("ingress", prometheus, labels, 9090)
    assert scaled.allowed("ingress", labels, {"app": "an API server has no labels"}, 6443)
    [api] = scaled.named("APIService").values()
    service = scaled.named("Service")[api["spec"]["service"]["name"]]
    assert service["spec"]["ports"] == [{"name": "https", "port": 443, "targetPort": "https"}]
    bound = {
        binding["roleRef"]["name"]
        for kind in ("RoleBinding", "ClusterRoleBinding")
        for binding in scaled.named(kind).values()
        for subject in binding["subjects"]
        if subject["name"] == adapter["spec"]["serviceAccountName"]
    }
    assert bound == {"system:auth-delegator", "extension-apiserver-authentication-reader"}
    [role] = scaled.named("ClusterRole").values()
    metrics = {each["external"]["metric"]["name"] for each in _metrics(scaled)}
    assert role["rules"] == [
        {"apiGroups": ["external.metrics.k8s.io"], "resources": sorted(metrics, reverse=True), "verbs": ["get", "list"]}
    ]


def _metrics(manifests: Manifests) -> list[dict[str, Any]]:
    metrics: list[dict[str, Any]] = manifests.named("HorizontalPodAutoscaler")["server"]["spec"]["metrics"]
    return metrics


def test_the_operators_prometheus_gives_the_signals_too(programs: dict[str, Path], tmp_path: Path) -> None:
    """A kustomization of the user's own lists both components."""
    names = ("base", "components/monitoring", "components/autoscaling")
    base, *components = [os.path.relpath(KUBERNETES / name, tmp_path) for name in names]
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump({"resources": [base], "components": components}))
    both = built(programs["kustomize"], tmp_path)
    assert both.problems() == []
    adapter, prometheus = (
        both.pods()["prometheus-adapter"]["metadata"]["labels"],
        {"app.kubernetes.io/name": "prometheus"},
    )
    assert both.allowed("ingress", prometheus, adapter, 9090)
    assert both.named("Prometheus")
    assert both.named("Service")["prometheus"]["spec"]["selector"] == prometheus


def test_nobody_but_keda_gets_to_prometheus(overlays: dict[str, Manifests]) -> None:
    [rule] = overlays["keda"].named("NetworkPolicy")["prometheus-signals"]["spec"]["ingress"]
    [caller] = rule["from"]
    assert caller["podSelector"] == {"matchLabels": {"app": "keda-operator"}}
    assert caller["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "keda"}
    assert "prometheus-adapter" not in overlays["keda"].pods()
