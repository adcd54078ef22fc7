"""The manifests of deploy/kubernetes as data, and what must hold for every pod, Service and policy in them."""

from __future__ import annotations

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.server_process import ROOT

KUBERNETES = ROOT / "deploy" / "kubernetes"
HARDENED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
WITHOUT_PROBES = {"drift", "probe", "make-secrets"}
"""Containers that answer nobody; the first one's alerts are TtsDriftJobNotRun and TtsDriftJobFailed."""
NAME = "app.kubernetes.io/name"
ADDRESS = re.compile(r"(?:\w+://)?([a-z-]+):(\d+)")
Manifest = dict[str, Any]


def documents(folder: Path) -> list[Manifest]:
    """The manifests that a kustomization lists, of its bases too, and the ConfigMaps that it generates.

    Patches are not applied, and no name gets a hash: that is for kustomize to do.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    found: list[Manifest] = []
    for resource in kustomization.get("resources", []):
        path = (folder / resource).resolve()
        found += documents(path) if path.is_dir() else yaml.safe_load_all(path.read_text())
    for generated in kustomization.get("configMapGenerator", []):
        data = dict(_entry(folder, each) for each in generated["files"])
        found.append({"kind": "ConfigMap", "metadata": {"name": generated["name"]}, "data": data})
    return found


def _entry(folder: Path, each: str) -> tuple[str, str]:
    """The key and the text of a file that a generator lists, as PATH or KEY=PATH."""
    key, _, path = each.rpartition("=")
    return key or Path(path).name, (folder / path).read_text()


def script() -> dict[str, Any]:
    """The names of the Job's script."""
    return runpy.run_path(str(KUBERNETES / "base" / "make_secrets.py"))


class Manifests:
    """The manifests of one overlay, by what tests ask for."""

    def __init__(self, manifests: list[Manifest]) -> None:
        self.all = manifests
        self.secrets: dict[str, dict[str, str]] = script()["new_secrets"]()

    def named(self, kind: str) -> dict[str, Manifest]:
        return {each["metadata"]["name"]: each for each in self.all if each["kind"] == kind}

    def pods(self) -> dict[str, Manifest]:
        """The template of each workload's pods."""
        workloads = [each for each in self.all if each["kind"] in {"Deployment", "StatefulSet", "Job", "DaemonSet"}]
        return {each["metadata"]["name"]: each["spec"]["template"] for each in workloads}

    def containers(self) -> dict[str, Manifest]:
        found = [container for pod in self.pods().values() for container in every_container(pod)]
        by_name = {container["name"]: container for container in found}
        assert len(by_name) == len(found), "two containers of one name"
        return by_name

    def environment(self, container: str) -> dict[str, str]:
        """Its variables with their values; the value of one that comes from elsewhere is empty."""
        return {each["name"]: each.get("value", "") for each in self.containers()[container].get("env", [])}

    def problems(self) -> list[str]:
        """What is wrong, one sentence each; an empty list is what every overlay must have."""
        return [
            *self._of_pods(),
            *self._of_volumes(),
            *self._of_services(),
            *self._of_connections(),
            *self._of_defaults(),
        ]

    def _of_pods(self) -> Iterator[str]:
        for name, pod in self.pods().items():
            spec, user = pod["spec"], pod["spec"].get("securityContext", {})
            if not (user.get("runAsNonRoot") and user.get("runAsUser") and user.get("runAsGroup")):
                yield f"{name} may run as root"
            if user.get("seccompProfile") != {"type": "RuntimeDefault"}:
                yield f"{name} has no seccomp profile"
            if spec.get("enableServiceLinks") is not False:
                yield f"{name} gets variables of Services"
            if "serviceAccountName" not in spec and spec.get("automountServiceAccountToken") is not False:
                yield f"{name} gets a token of the cluster"
            for container in every_container(pod):
                yield from (f"{container['name']} {problem}" for problem in _of_container(container))

    def _of_volumes(self) -> Iterator[str]:
        for name, pod in self.pods().items():
            volumes = {volume["name"]: volume for volume in pod["spec"].get("volumes", [])}
            mounted = {mount["name"] for each in every_container(pod) for mount in each.get("volumeMounts", [])}
            yield from (f"{name}: the volume {volume} is not used" for volume in volumes.keys() - mounted)
            yield from (f"{name}: there is no volume {volume}" for volume in mounted - volumes.keys())
            for volume in volumes.values():
                yield from (f"{name}: {problem}" for problem in self._missing(volume))
            for container in every_container(pod):
                for variable in container.get("env", []):
                    source = variable.get("valueFrom", {}).get("secretKeyRef")
                    if source and source["key"] not in self.secrets.get(source["name"], {}):
                        yield f"{name}: nobody makes {source['key']} of the Secret {source['name']}"

    def _missing(self, volume: Manifest) -> Iterator[str]:
        maps, secrets = (
            {name: each.get("data", {}) for name, each in self.named(kind).items()} for kind in ("ConfigMap", "Secret")
        )
        secrets = {**self.secrets, **secrets}
        sources = volume["projected"]["sources"] if "projected" in volume else [volume]
        for source in sources:
            if "persistentVolumeClaim" in source:
                if source["persistentVolumeClaim"]["claimName"] not in self.named("PersistentVolumeClaim"):
                    yield f"no claim {source['persistentVolumeClaim']['claimName']}"
            elif "configMap" in source or "secret" in source:
                reference = source.get("configMap") or source["secret"]
                name = reference.get("name") or reference["secretName"]
                known = maps if "configMap" in source else secrets
                if name not in known:
                    yield f"no {name}"
                else:
                    wanted = {item["key"] for item in reference.get("items", [])}
                    yield from (f"{name} has no {key}" for key in wanted - known[name].keys())
            elif "emptyDir" not in source or "sizeLimit" not in source["emptyDir"]:
                yield f"the volume {volume['name']} has no limit"

    def write_volume(self, pod: str, volume: str, folder: Path) -> None:
        """Writes the files of a volume of ConfigMaps into ``folder``, as the kubelet does."""
        [wanted] = [each for each in self.pods()[pod]["spec"]["volumes"] if each["name"] == volume]
        for source in wanted["projected"]["sources"] if "projected" in wanted else [wanted]:
            reference = source["configMap"]
            data = self.named("ConfigMap")[reference["name"]]["data"]
            for item in reference.get("items") or [{"key": key, "path": key} for key in data]:
                path = folder / item["path"]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(data[item["key"]])

    def _of_services(self) -> Iterator[str]:
        for name, service in self.named("Service").items():
            selected = [pod for pod in self.pods().values() if _matches(service["spec"]["selector"], pod)]
            if not selected and not self._run_by_operator(service):
                yield f"the Service {name} selects no pod"
            for pod in selected:
                ports = _ports(pod)
                for port in service["spec"]["ports"]:
                    if port["targetPort"] not in {*ports, *ports.values()}:
                        yield f"the Service {name} leads to no port {port['targetPort']}"
        for name, budget in self.named("PodDisruptionBudget").items():
            if not any(_matches(budget["spec"]["selector"]["matchLabels"], pod) for pod in self.pods().values()):
                yield f"the PodDisruptionBudget {name} selects no pod"

    def _of_defaults(self) -> Iterator[str]:
        """What the cluster fills in inside a list or beside a strategy would be changed by every `kubectl apply`."""
        for name, policy in self.named("NetworkPolicy").items():
            rules = [*policy["spec"].get("ingress", []), *policy["spec"].get("egress", [])]
            if not all("protocol" in port for rule in rules for port in rule["ports"]):
                yield f"the NetworkPolicy {name} names no protocol"
        for each in self.all:
            strategy = each.get("spec", {}).get("updateStrategy") or each.get("spec", {}).get("strategy")
            if strategy and "type" not in strategy:
                yield f"{each['metadata']['name']}: its strategy has no type"

    def _run_by_operator(self, service: Manifest) -> bool:
        return service["metadata"]["name"] == "prometheus" and bool(self.named("Prometheus"))

    def _of_connections(self) -> Iterator[str]:
        for caller, service, port in self.connections():
            problem = self._refused(caller, service, port)
            if problem:
                yield f"{caller} can't reach {service}:{port}: {problem}"

    def connections(self) -> Iterator[tuple[str, str, int]]:
        """The pod that calls, the Service and the port, of every address in a variable that names a Service."""
        services = self.named("Service")
        for name, pod in self.pods().items():
            for container in every_container(pod):
                values = [each.get("value", "") for each in container.get("env", [])]
                values += [self._secret(each) for each in container.get("env", [])]
                for value in values:
                    for host, port in ADDRESS.findall(value.rpartition("@")[2]):
                        if host in services:
                            yield name, host, int(port)

    def _secret(self, variable: Manifest) -> str:
        source = variable.get("valueFrom", {}).get("secretKeyRef", {})
        return self.secrets.get(source.get("name", ""), {}).get(source.get("key", ""), "")

    def _refused(self, caller: str, service: str, port: int) -> str:
        """Why a connection fails; empty if it is allowed."""
        target = self.named("Service")[service]["spec"]
        if port not in [each["port"] for each in target["ports"]]:
            return "the Service has no such port"
        source = self.pods()[caller]["metadata"]["labels"]
        labels = {NAME: target["selector"][NAME]}
        if not self.allowed("egress", source, labels, port):
            return "no policy lets it out"
        return "" if self.allowed("ingress", labels, source, port) else "no policy lets it in"

    def allowed(self, direction: str, subject: dict[str, str], peer: dict[str, str], port: int) -> bool:
        """Whether a NetworkPolicy of pods labelled ``subject`` allows the port, to or from pods labelled ``peer``."""
        for policy in self.named("NetworkPolicy").values():
            if _selects(policy["spec"]["podSelector"], subject):
                for rule in policy["spec"].get(direction, []):
                    peers = rule.get("to") or rule.get("from")
                    open_to = not peers or any(
                        "namespaceSelector" not in each and _selects(each["podSelector"], peer) for each in peers
                    )
                    if open_to and port in [each["port"] for each in rule["ports"]]:
                        return True
        return False


def every_container(pod: Manifest) -> list[Manifest]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def _of_container(container: Manifest) -> Iterator[str]:
    if container.get("securityContext") != HARDENED:
        yield "may do more than it must"
    resources = container.get("resources", {})
    if not {"cpu", "memory"} <= resources.get("requests", {}).keys():
        yield "requests no CPU or memory"
    if "memory" not in resources.get("limits", {}):
        yield "has no limit of memory"
    if not re.search(r":v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?$", container["image"]):
        yield f"has an image without a version: {container['image']}"
    if container["name"] not in WITHOUT_PROBES:
        yield from (f"has no {probe}" for probe in ("readinessProbe", "livenessProbe") if probe not in container)
    named = {port["name"] for port in container.get("ports", [])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        action = container.get(probe, {}).get("httpGet") or container.get(probe, {}).get("tcpSocket")
        if action and action["port"] not in named:
            yield f"is probed at no port of its own: {action['port']}"


def _ports(pod: Manifest) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for each in every_container(pod) for port in each.get("ports", [])}


def _matches(selector: dict[str, str], pod: Manifest) -> bool:
    return selector.items() <= pod["metadata"]["labels"].items()


def _selects(selector: Manifest, labels: dict[str, str]) -> bool:
    equal = selector.get("matchLabels", {}).items() <= labels.items()
    return equal and all(labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", []))
