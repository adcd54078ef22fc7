"""The manifests of deploy/kubernetes, read without kustomize: nothing is missing, and what compose.yaml says holds."""

from __future__ import annotations

import copy
import io
import json
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from otel.contract.recognition_values import PROBE_CLIENT
from otel.support.api_key import FILE_VARIABLE
from server.access.caller import Scope
from server.access.key_file import KeyFile
from server.access.keyring import Keyring
from server.settings import Settings
from tests.kubernetes import KUBERNETES, NAME, Manifests, documents, script
from tests.server_process import ROOT

BASE = documents(KUBERNETES / "base")
TEMPO = documents(KUBERNETES / "components" / "tempo")
OPERATOR = {each["kind"]: each for each in documents(KUBERNETES / "components" / "monitoring")}
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
NOT_IN_COMPOSE = {"redis", "make-secrets", "collector-agent"}
INTERNAL = {"jaeger": {14317, 8888}, "tempo": {14317}, "redis": {6379}, "collector-agent": {4317}}
"""Ports that pods use among themselves, which compose.yaml does not publish."""
STOPPING = 10
"""Seconds to stop after the drain."""


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return Manifests([*BASE, *TEMPO])


def test_nothing_is_wrong(manifests: Manifests) -> None:
    assert manifests.problems() == []


def server(documents: list[dict[str, Any]]) -> dict[str, Any]:
    [deployment] = [each for each in documents if each["kind"] == "Deployment" and each["metadata"]["name"] == "server"]
    spec: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return spec


def policy(documents: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(each for each in documents if each["kind"] == "NetworkPolicy" and each["metadata"]["name"] == name)


BREAKS: dict[str, Callable[[list[dict[str, Any]]], object]] = {
    "root": lambda found: server(found)["securityContext"].pop("runAsNonRoot"),
    "seccomp": lambda found: server(found)["securityContext"].pop("seccompProfile"),
    "Services": lambda found: server(found).pop("enableServiceLinks"),
    "token": lambda found: server(found).pop("automountServiceAccountToken"),
    "more than it must": lambda found: server(found)["containers"][0]["securityContext"].pop("capabilities"),
    "limit of memory": lambda found: server(found)["containers"][0]["resources"].pop("limits"),
    "requests no": lambda found: server(found)["containers"][0]["resources"].pop("requests"),
    "without a version": lambda found: server(found)["containers"][0].update(image="ttscope:latest"),
    "no readinessProbe": lambda found: server(found)["containers"][0].pop("readinessProbe"),
    "probed at no port": lambda found: server(found)["containers"][0]["ports"].pop(),
    "leads to no port": lambda found: server(found)["containers"][0]["ports"].pop(),
    "is not used": lambda found: server(found)["containers"][0]["volumeMounts"].pop(),
    "no volume": lambda found: server(found)["volumes"].pop(),
    "has no limit": lambda found: server(found)["volumes"][0].update(emptyDir={}),
    "no keys": lambda found: server(found)["volumes"][-1]["secret"].update(secretName="keys"),
    "has no keys.toml": lambda found: server(found)["volumes"][-1]["secret"]["items"][0].update(key="keys.toml"),
    "nobody makes": lambda found: server(found)["containers"][0]["env"][-1]["valueFrom"]["secretKeyRef"].update(
        key="?"
    ),
    "no claim": lambda found: found.remove(
        next(each for each in found if each["kind"] == "PersistentVolumeClaim" and each["metadata"]["name"] == "drift")
    ),
    "no policy lets it out": lambda found: policy(found, "server")["spec"].pop("egress"),
    "names no protocol": lambda found: policy(found, "server")["spec"]["egress"][0]["ports"][0].pop("protocol"),
    "strategy has no type": lambda found: next(
        each for each in found if each["kind"] == "Deployment" and each["metadata"]["name"] == "server"
    )["spec"]["strategy"].pop("type"),
    "no policy lets it in": lambda found: found.remove(policy(found, "redis")),
}


@pytest.mark.parametrize("problem", BREAKS)
def test_what_is_wrong_is_found(problem: str) -> None:
    broken = copy.deepcopy([*BASE, *TEMPO])
    BREAKS[problem](broken)
    assert problem in "\n".join(Manifests(broken).problems())


def test_the_connections_are_looked_for(manifests: Manifests) -> None:
    assert {
        ("server", "collector-agent", 4317),
        ("collector-agent", "collector", 4317),
        ("collector-agent", "prometheus", 9090),
        ("server", "redis", 6379),
        ("collector", "mlflow", 5000),
        ("grafana", "jaeger", 16686),
    } <= set(manifests.connections())


def test_everything_of_compose_is_there_with_its_image_and_its_limit(manifests: Manifests) -> None:
    once, of_components = {"own-volumes", "grafana-setup"}, {"server-gpu", "probe"}
    assert manifests.containers().keys() - NOT_IN_COMPOSE == COMPOSE.keys() - once - of_components
    for name in manifests.containers().keys() - NOT_IN_COMPOSE:
        container, service = manifests.containers()[name], COMPOSE[name]
        assert container["image"] == service["image"], name
        memory = service["deploy"]["resources"]["limits"]["memory"]
        assert container["resources"]["limits"]["memory"] == f"{memory}i", name


def test_services_have_the_names_and_ports_of_compose(manifests: Manifests) -> None:
    published = {
        name: {int(port.rpartition(":")[2]) for port in service["ports"]}
        for name, service in COMPOSE.items()
        if service.get("ports") and name != "server-gpu"
    }
    ports = {
        name: {port["port"] for port in service["spec"]["ports"]}
        for name, service in manifests.named("Service").items()
    }
    assert ports.keys() == {*published, "redis", "collector-agent"}
    for name, found in ports.items():
        assert found - INTERNAL.get(name, set()) == published.get(name, set()), name


def test_programs_run_with_the_flags_of_compose(manifests: Manifests) -> None:
    for name in ("prometheus", "alertmanager", "mlflow"):
        flags = [re.sub(r"\$\{(\w+):-([^}]*)\}", r"\2", flag) for flag in COMPOSE[name]["command"]]
        flags = [re.sub(r"\$\{\w+:\+[^}]*\}", "", flag) for flag in flags]
        assert manifests.containers()[name]["args"] == flags, name


def test_programs_take_only_variables_that_they_know(manifests: Manifests) -> None:
    import dashboards.live.settings
    import drift.settings
    import server.settings

    for name, known in {
        "server": server.settings.variables().keys(),
        "drift": drift.settings.variables().keys(),
        "dashboard": {*dashboards.live.settings.variables(), FILE_VARIABLE},
    }.items():
        environment = manifests.environment(name)
        used = set(re.findall(r"\$\((\w+)\)", " ".join(environment.values())))
        assert {key for key in environment.keys() - used if not key.startswith("OTEL_")} <= known, name
    for name, file in {
        "collector": "collector",
        "collector-agent": "agent",
        "jaeger": "jaeger",
        "tempo": "tempo",
    }.items():
        configuration = (ROOT / "stack" / "config" / f"{file}.yaml").read_text()
        for key in manifests.environment(name).keys() - {"GOMEMLIMIT"}:
            assert re.search(rf"\$\{{(env:)?{key}[:}}]", configuration), key
        if name not in NOT_IN_COMPOSE:
            assert manifests.environment(name).keys() == COMPOSE[name]["environment"].keys()


def test_grafana_calls_nobody_and_shows_strangers_nothing(manifests: Manifests) -> None:
    ours = manifests.environment("grafana")
    quiet = {key: value for key, value in COMPOSE["grafana"]["environment"].items() if value in {"false", "true"}}
    assert len(quiet) >= 10
    assert ours.items() >= quiet.items()
    assert ours["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    folder, _, name = ours["GF_SECURITY_ADMIN_PASSWORD__FILE"].rpartition("/")
    pod = manifests.pods()["grafana"]["spec"]
    [volume] = [each["name"] for each in pod["containers"][0]["volumeMounts"] if each["mountPath"] == folder]
    [secret] = [each["secret"]["secretName"] for each in pod["volumes"] if each["name"] == volume]
    assert name in manifests.secrets[secret]


def test_a_server_has_an_agent_on_its_node(manifests: Manifests) -> None:
    """The Service leads to no other node, so a node that may have a server must have an agent."""
    assert manifests.named("Service")["collector-agent"]["spec"]["internalTrafficPolicy"] == "Local"
    rollout = manifests.named("DaemonSet")["collector-agent"]["spec"]["updateStrategy"]["rollingUpdate"]
    assert rollout == {"maxUnavailable": 0, "maxSurge": 1}
    server, agent = manifests.pods()["server"]["spec"], manifests.pods()["collector-agent"]["spec"]
    assert "nodeSelector" not in agent
    assert server.get("tolerations") == agent.get("tolerations")
    assert manifests.containers()["collector-agent"]["image"] == manifests.containers()["collector"]["image"]
    assert not any(
        "hostPath" in volume for pod in manifests.pods().values() for volume in pod["spec"].get("volumes", [])
    )


def test_only_agents_and_what_is_beside_the_gateway_send_to_it(manifests: Manifests) -> None:
    gateway = {NAME: "collector"}
    senders = {name for name in manifests.pods() if manifests.allowed("ingress", gateway, {NAME: name}, 4317)}
    assert senders == {"collector-agent"}
    assert not manifests.allowed("egress", {NAME: "server"}, gateway, 4317)


def test_the_queues_of_an_agent_fit_its_volume(manifests: Manifests) -> None:
    """A pod whose volume grows beyond its limit is evicted, with its queues."""
    configuration = yaml.safe_load((ROOT / "stack" / "config" / "agent.yaml").read_text())
    of_each_signal = [
        configuration["exporters"][exporter]["sending_queue"]["queue_size"]
        for pipeline in configuration["service"]["pipelines"].values()
        for exporter in pipeline["exporters"]
    ]
    volumes = {each["name"]: each for each in manifests.pods()["collector-agent"]["spec"]["volumes"]}
    assert len(of_each_signal) == 3
    assert volumes["queue"]["emptyDir"]["sizeLimit"] == "2Gi"
    assert 1.5 * sum(of_each_signal) < 2 * 2**30  # a file was up to 27 % larger than what waits in it


def test_a_pod_that_stops_has_the_time_to_drain(manifests: Manifests) -> None:
    pod = manifests.pods()["server"]["spec"]
    delay = float(manifests.environment("server")["TTSCOPE_SHUTDOWN_DELAY_SECONDS"])
    readiness = pod["containers"][0]["readinessProbe"]
    drain = float(manifests.environment("server")["TTSCOPE_DRAIN_SECONDS"])
    assert drain == Settings.model_fields["drain_seconds"].default
    assert delay >= 5, "clients that keep a connection are told to leave it, which a pause before SIGTERM would not do"
    assert "lifecycle" not in pod["containers"][0]
    assert pod["terminationGracePeriodSeconds"] == delay + 2 * drain + STOPPING  # first connections, then requests
    assert readiness["httpGet"] == {"path": "/ready", "port": "http"}
    assert pod["containers"][0]["livenessProbe"]["httpGet"]["path"] == "/health"


def test_an_upgrade_and_a_drained_node_leave_a_server(manifests: Manifests) -> None:
    deployment = manifests.named("Deployment")["server"]["spec"]
    assert deployment["replicas"] >= 2
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    assert manifests.named("PodDisruptionBudget")["server"]["spec"]["maxUnavailable"] == 1
    [spread] = deployment["template"]["spec"]["topologySpreadConstraints"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"


def test_only_the_api_is_open_to_everybody(manifests: Manifests) -> None:
    assert policy(manifests.all, "nothing")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    stranger = {"app": "of somebody else"}
    reached = {
        (name, port["port"])
        for name, service in manifests.named("Service").items()
        for port in service["spec"]["ports"]
        if manifests.allowed("ingress", service["spec"]["selector"], stranger, port["port"])
    }
    assert reached == {("server", 8010)}


def test_prometheus_reaches_what_it_scrapes(manifests: Manifests) -> None:
    prometheus = manifests.pods()["prometheus"]["metadata"]["labels"]
    for name in ("alertmanagers.yml", "pipeline-jaeger.yml", "pipeline-tempo.yml"):
        for target in yaml.safe_load((ROOT / "deploy" / "compose" / name).read_text()):
            for address in target["targets"]:
                host, _, port = address.partition(":")
                peer = manifests.named("Service")[host]["spec"]["selector"]
                assert manifests.allowed("egress", prometheus, peer, int(port)), address
                assert manifests.allowed("ingress", peer, prometheus, int(port)), address


def test_every_file_of_configuration_is_mounted(manifests: Manifests) -> None:
    maps = {name: each["data"].keys() for name, each in manifests.named("ConfigMap").items()}
    alerting = ROOT / "alerting"
    assert maps["alert-rules"] == {path.name for path in (alerting / "rules").glob("*.yml")}
    assert maps["runbooks"] == {path.name for path in (alerting / "runbooks").glob("*.md")}
    config = {path.name for path in (ROOT / "stack" / "config").iterdir()} - {"kustomization.yaml"}
    assert config == {key for name, keys in maps.items() if name.endswith("-config") for key in keys} - {
        "alertmanager.yml",
        "ttscope.tmpl",
    }
    volumes = {each["name"]: each for each in manifests.pods()["prometheus"]["spec"]["volumes"]}
    mounted = [each["configMap"] for each in volumes["config"]["projected"]["sources"]]
    rules = next(each for each in mounted if each["name"] == "alert-rules")["items"]
    assert {item["path"] for item in rules} == {f"rules/{name}" for name in maps["alert-rules"]}


def test_every_dashboard_is_mounted_for_either_trace_store(manifests: Manifests, tmp_path: Path) -> None:
    """With its folder: views of one's own stand below the others."""
    dashboards = ROOT / "dashboards"
    for_tempo = documents(dashboards / "grafana")
    for folder, replaced in (("grafana-jaeger", []), ("grafana", for_tempo)):
        names = {each["metadata"]["name"] for each in replaced}
        kept = [each for each in manifests.all if each["metadata"]["name"] not in names]
        assert len(kept) + len(names) == len(manifests.all), "a component replaces what is there"
        mounted = tmp_path / folder
        Manifests([*kept, *replaced]).write_volume("grafana", "dashboards", mounted)
        files = {
            path.relative_to(dashboards / folder): path.read_text() for path in (dashboards / folder).rglob("*.json")
        }
        assert {path.relative_to(mounted): path.read_text() for path in mounted.rglob("*.json")} == files
    environment, sources = manifests.environment("grafana"), grafana_sources()
    assert {"datasourceUid": environment["TRACE_STORE"], "name": "trace_id"} == {
        key: value.replace("${TRACE_STORE}", "jaeger")
        for key, value in sources["Prometheus"]["jsonData"]["exemplarTraceIdDestinations"][0].items()
    }
    used = set(re.findall(r"\$\{(\w+)\}", yaml.safe_dump(sources)))
    assert used <= environment.keys()
    assert used <= COMPOSE["grafana"]["environment"].keys()


def grafana_sources() -> dict[str, dict[str, Any]]:
    path = ROOT / "dashboards" / "provisioning" / "datasources" / "ttscope.yaml"
    return {each["name"]: each for each in yaml.safe_load(path.read_text())["datasources"]}


def test_the_drift_job_reads_what_the_collector_writes(manifests: Manifests) -> None:
    pod = manifests.pods()["collector"]["spec"]
    mounts = {each["name"]: {mount["name"]: mount for mount in each["volumeMounts"]} for each in pod["containers"]}
    assert manifests.environment("drift")["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:4317"
    events = mounts["drift"]["collector"]
    assert events["readOnly"]
    assert manifests.environment("drift")["TTSCOPE_DRIFT_EVENTS"] == f"{events['mountPath']}/events"
    assert mounts["collector"]["collector"]["mountPath"] == manifests.environment("collector")["COLLECTOR_DATA_DIR"]
    pages = mounts["dashboard"]["drift"]
    assert pages["readOnly"]
    dockerfile = (ROOT / "deploy" / "dashboard.Dockerfile").read_text()
    assert f"TTSCOPE_DASHBOARD_DRIFT_DIR={pages['mountPath']} " in dockerfile
    for name in ("server", "drift", "dashboard"):
        assert f"--uid {pod['securityContext']['runAsUser']} " in (ROOT / "deploy" / f"{name}.Dockerfile").read_text()


def test_the_keys_of_the_secret_are_keys_of_the_server(manifests: Manifests, tmp_path: Path) -> None:
    secret = manifests.secrets["ttscope-keys"]
    file = tmp_path / "keys.json"
    file.write_text(secret["keys.json"])
    keyring = Keyring(KeyFile(file))
    keyring.load()
    scopes = {record.name: record.scopes for record in keyring.records}
    assert scopes == {
        "first": frozenset(Scope),
        "observe": frozenset({Scope.OBSERVE}),
        "probe": frozenset({Scope.SPEAK}),
    }
    assert {record.tenant for record in keyring.records if record.name == PROBE_CLIENT} == {PROBE_CLIENT}
    for name in scopes:
        assert secret[f"{name}.key"] not in secret["keys.json"]
        result, record = keyring.identify(secret[f"{name}.key"])
        assert record is not None, result
        assert record.name == name


def test_redis_wants_the_password_that_the_servers_have(manifests: Manifests) -> None:
    secret = manifests.secrets["ttscope-redis"]
    [password] = re.findall(r"^requirepass (\S{32})$", secret["redis.conf"], re.MULTILINE)
    assert secret["url"] == f"redis://:{password}@redis:6379/0"
    assert len(secret["cache_secret"]) >= 16


def test_no_two_clusters_have_the_same_secrets() -> None:
    new_secrets = script()["new_secrets"]
    one, another = new_secrets(), new_secrets()
    assert all(one[name][key] != another[name][key] for name in one for key in one[name])


@pytest.mark.parametrize(("status", "said"), [(201, "created"), (409, "is there already"), (403, "")])
def test_a_secret_is_made_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    said: str,
) -> None:
    names = script()
    for name, content in {"namespace": "speech", "token": "of-the-account"}.items():
        (tmp_path / name).write_text(content)
    (tmp_path / "ca.crt").write_bytes(Path(pytest.importorskip("certifi").where()).read_bytes())
    monkeypatch.setitem(names["create"].__globals__, "ACCOUNT", tmp_path)
    sent: list[urllib.request.Request] = []

    def answer(request: urllib.request.Request, **_: object) -> io.BytesIO:
        sent.append(request)
        if status >= 400:
            raise urllib.error.HTTPError(request.full_url, status, "", None, None)  # type: ignore[arg-type]
        return io.BytesIO()

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert names["main"]() == (0 if said else 1)
    assert {request.full_url for request in sent} == {"https://kubernetes.default.svc/api/v1/namespaces/speech/secrets"}
    assert sent[0].get_header("Authorization") == "Bearer of-the-account"
    printed = capsys.readouterr()
    if said:
        bodies = [json.loads(request.data or b"") for request in sent]
        assert {body["metadata"]["name"] for body in bodies} == {"ttscope-keys", "ttscope-redis", "ttscope-grafana"}
        assert printed.out.count(said) == 3
        texts = [text for body in bodies for text in body["stringData"].values()]
        assert not any(text in printed.out for text in texts)
    else:
        assert "ttscope-keys" in printed.err


def test_the_operator_gets_every_rule() -> None:
    files = [ROOT / "stack" / "config" / "prometheus-rules.yml", *(ROOT / "alerting" / "rules").glob("*.yml")]
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    found = OPERATOR["PrometheusRule"]["spec"]["groups"]
    assert sorted(found, key=lambda group: group["name"]) == sorted(groups, key=lambda group: group["name"])


def test_the_operators_prometheus_is_ours(manifests: Manifests) -> None:
    operated = OPERATOR["Prometheus"]["spec"]
    ours = yaml.safe_load((ROOT / "stack" / "config" / "prometheus.yml").read_text())

    def camel(settings: dict[str, Any]) -> dict[str, Any]:
        return {re.sub(r"_(\w)", lambda match: match[1].upper(), key): value for key, value in settings.items()}

    assert operated["otlp"] == camel(ours["otlp"])
    assert operated["tsdb"] == camel(ours["storage"]["tsdb"])
    assert operated["exemplars"]["maxSize"] == ours["storage"]["exemplars"]["max_exemplars"]
    assert {key: operated[key] for key in camel(ours["global"])} == camel(ours["global"])
    container = manifests.containers()["prometheus"]
    flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in container["args"])
    assert operated["retention"] == flags["storage.tsdb.retention.time"]
    assert operated["retentionSize"] == flags["storage.tsdb.retention.size"]
    assert operated["externalUrl"] == flags["web.external-url"]
    assert operated["enableFeatures"] == [flags["enable-feature"]]
    assert operated["additionalArgs"] == [{"name": "web.cors.origin", "value": flags["web.cors.origin"]}]
    assert operated["enableOTLPReceiver"] == ("web.enable-otlp-receiver" in flags)
    assert (operated["image"], operated["resources"]) == (container["image"], container["resources"])
    assert operated["securityContext"] == manifests.pods()["prometheus"]["spec"]["securityContext"]


def test_the_operator_finds_services_and_their_ports(manifests: Manifests) -> None:
    monitors = [
        each for each in documents(KUBERNETES / "components" / "monitoring") if each["kind"] == "ServiceMonitor"
    ]
    assert {each["metadata"]["name"] for each in monitors} == {
        "server",
        "jaeger",
        "tempo",
        "alertmanager",
        "prometheus",
    }
    for monitor in monitors:
        service = manifests.named("Service")[monitor["metadata"]["name"]]
        assert service["metadata"]["labels"] == monitor["spec"]["selector"]["matchLabels"]
        [endpoint] = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    [key] = [
        each["spec"]["endpoints"][0]["authorization"]["credentials"]
        for each in monitors
        if "server" in each["metadata"]["name"]
    ]
    assert key["key"] in manifests.secrets[key["name"]]


def test_service_monitors_name_what_the_cluster_would_fill_in() -> None:
    """Else every `kubectl apply` finds a difference, and changes it."""
    monitors = [
        each for each in documents(KUBERNETES / "components" / "monitoring") if each["kind"] == "ServiceMonitor"
    ]
    endpoints = [endpoint for monitor in monitors for endpoint in monitor["spec"]["endpoints"]]
    relabelings = [each for endpoint in endpoints for each in endpoint.get("relabelings", [])]
    assert relabelings
    assert [each for each in relabelings if "action" not in each] == []
