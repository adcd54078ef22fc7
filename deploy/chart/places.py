"""The places of the manifests that the chart's values decide."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.chart import values
from deploy.chart.manifests import Key, Manifest, key
from deploy.chart.tree import ABSENT, Cases, Expression, Lines, Tree
from deploy.chart.values import Values, camel

NAMESPACE = "ttscope"
"""The namespace that the manifests are written for."""
CLUSTER_SCOPED = {"Namespace", "ClusterRole", "ClusterRoleBinding", "APIService"}
HERE = 'include "ttscope.namespace" .'
MAKES_SECRETS = 'include "ttscope.secretsToMake" .'
SECRETS = ("keys", "redis", "grafana")
IMAGES = {
    "ttscope": "server",
    "ttscope-drift": "drift",
    "ttscope-dashboard": "dashboard",
    "otel/opentelemetry-collector-contrib": "collector",
    "prom/prometheus": "prometheus",
    "prom/alertmanager": "alertmanager",
    "jaegertracing/jaeger": "jaeger",
    "grafana/tempo": "tempo",
    "grafana/grafana": "grafana",
    "valkey/valkey": "redis",
    "registry.k8s.io/prometheus-adapter/prometheus-adapter": "prometheusAdapter",
}
"""The section of values that an image's repository and tag are in. Containers with one image share them."""
WORKLOADS = {"Deployment", "StatefulSet", "DaemonSet", "Job"}
ENVIRONMENT = """{{- range $name, $value := .Values.server.env }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}"""


class PlaceError(ValueError):
    """A manifest lacks a place that the chart has a value for, or has one that the chart does not know."""


class Places:
    """Puts expressions into manifests, and adds the values that they read, with the manifests' own as defaults."""

    def __init__(self, base: Mapping[Key, Manifest], sections: Values, hashed: Mapping[str, Iterable[str]]) -> None:
        """``hashed`` has the paths, in the chart, of the files of ConfigMaps that start pods anew when they change."""
        self._base = base
        self._values = sections
        self._hashed = hashed

    def substitute(self, manifest: Manifest, component: str = "") -> Tree:
        """Returns the tree of a manifest. What ``component`` changed is read from the section of its name."""
        tree = copy.deepcopy(manifest)
        before = self._base.get(key(manifest), manifest)
        _label(tree)
        match tree["kind"]:
            case "Namespace":
                tree["metadata"] |= {"name": Expression(HERE), "annotations": {"helm.sh/resource-policy": "keep"}}
            case "PersistentVolumeClaim":
                tree["metadata"]["annotations"] = {"helm.sh/resource-policy": "keep"}
                self._claim(tree["spec"], camel(tree["metadata"]["name"]))
            case "Service" if "type" in tree["spec"]:
                value = values.service_type(tree["metadata"]["name"], tree["spec"]["type"])
                tree["spec"]["type"] = Expression(self._values.add(value))
            case "PrometheusRule":
                path = "files/deploy/kubernetes/components/monitoring/rules.yaml"
                tree["spec"] = Expression(f'(.Files.Get "{path}" | fromYaml).spec | toJson')
            case "Prometheus":
                self._operated(tree["spec"])
            case "HorizontalPodAutoscaler":
                self._bounds(tree["spec"], "minReplicas", "maxReplicas")
            case "ScaledObject":
                self._bounds(tree["spec"], "minReplicaCount", "maxReplicaCount")
                if tree["spec"]["fallback"]["replicas"] != manifest["spec"]["minReplicaCount"]:
                    raise PlaceError("the fallback of the ScaledObject is not its least number of servers")
                tree["spec"]["fallback"]["replicas"] = tree["spec"]["minReplicaCount"]
            case kind if kind in WORKLOADS:
                self._pod(tree, before, component)
        if tree["kind"] == "Deployment" and tree["metadata"]["name"] == "server":
            self._server(tree["spec"], before["spec"], component)
        if tree["kind"] == "Job":
            self._job(tree, manifest)
        return _replace_names(tree)

    def _claim(self, spec: dict[str, Tree], name: str) -> None:
        requests = spec["resources"]["requests"]
        requests["storage"] = Expression(self._values.add(values.storage(name, requests["storage"])))
        self._values.add(values.STORAGE_CLASS)
        spec["storageClassName"] = _if_set(".Values.storageClass")

    def _operated(self, spec: dict[str, Tree]) -> None:
        """The Prometheus of the operator."""
        tag = spec["image"].rpartition(":")[2]
        if spec["version"] != tag:
            raise PlaceError(f"the operator's Prometheus has version {spec['version']} and image {spec['image']}")
        spec |= {"image": self._image(spec["image"]), "version": Expression(".Values.prometheus.image.tag")}
        spec["imagePullSecrets"] = _pull_secrets()
        spec["resources"] = self._resources("prometheus", spec["resources"])
        self._claim(spec["storage"]["volumeClaimTemplate"]["spec"], "prometheus")

    def _bounds(self, spec: dict[str, Tree], least: str, most: str) -> None:
        for field, value in (
            (least, values.bound("minReplicas", "The least number of servers", spec[least])),
            (most, values.bound("maxReplicas", "The largest number of servers", spec[most])),
        ):
            spec[field] = Expression(self._values.add(value))

    def _pod(self, tree: dict[str, Tree], before: Manifest, component: str) -> None:
        template, old = tree["spec"]["template"], before["spec"]["template"]["spec"]
        template["metadata"]["labels"]["app.kubernetes.io/part-of"] = NAMESPACE
        if tree["kind"] != "Job" and (paths := self._configuration(template["spec"])):
            template["metadata"]["annotations"] = {"checksum/config": _checksum(paths)}
        template["spec"]["imagePullSecrets"] = _pull_secrets()
        for group in ("initContainers", "containers"):
            earlier = {container["name"]: container for container in old.get(group, [])}
            for container in template["spec"].get(group, []):
                self._container(container, earlier.get(container["name"], container), component)

    def _container(self, container: dict[str, Tree], before: Manifest, component: str) -> None:
        section, owner = camel(container["name"]), component if container["resources"] != before["resources"] else ""
        container["resources"] = self._resources(section, container["resources"], owner)
        container["image"] = self._image(container["image"])
        container["imagePullPolicy"] = _if_set(".Values.images.pullPolicy")

    def _resources(self, section: str, default: dict[str, Any], component: str = "") -> Expression:
        return Expression(f"toJson {self._values.add(values.resources(section, component, default))}")

    def _image(self, text: str) -> Expression:
        repository, _, tag = text.rpartition(":")
        if repository not in IMAGES:
            raise PlaceError(f"name the section of the image {repository} in IMAGES of {__file__}")
        section = IMAGES[repository]
        for value in values.image(section, repository, tag):
            self._values.add(value)
        registry = "mirror" if "/" in repository else "registry"
        return Expression(f'include "ttscope.image" (list .Values.images.{registry} .Values.{section}.image)')

    def _configuration(self, spec: dict[str, Any]) -> list[str]:
        """The paths of the files that start a pod anew when they change."""
        sources = [
            source for volume in spec["volumes"] for source in volume.get("projected", {}).get("sources", [volume])
        ]
        names = [source["configMap"]["name"] for source in sources if "configMap" in source]
        return [path for name in dict.fromkeys(names) for path in self._hashed.get(name, ())]

    def _server(self, spec: dict[str, Tree], before: Manifest, component: str) -> None:
        if "replicas" in spec:
            owner = component if spec["replicas"] != before["replicas"] else ""
            spec["replicas"] = Expression(self._values.add(values.replicas(owner, spec["replicas"])))
        pod = spec["template"]["spec"]
        [container] = pod["containers"]
        variables = {variable["name"]: variable for variable in container["env"]}
        seconds = int(variables["TTSCOPE_DRAIN_SECONDS"]["value"])
        drain = self._values.add(values.drain(seconds))
        rest = pod["terminationGracePeriodSeconds"] - 2 * seconds
        pod["terminationGracePeriodSeconds"] = Expression(f"add {rest} (mul 2 (int {drain}))")
        variables["TTSCOPE_DRAIN_SECONDS"]["value"] = Expression(f"int {drain} | quote")
        hosts = variables["TTSCOPE_ALLOWED_HOSTS"]
        hosts["value"] = Expression(f'include "ttscope.hosts" (list . ({_in_namespace(hosts["value"])})) | quote')
        container["env"].append(Lines(ENVIRONMENT))
        container["envFrom"] = Cases(((".Values.server.envFrom", Expression("toJson .Values.server.envFrom")),), ABSENT)

    def _job(self, tree: dict[str, Tree], manifest: Manifest) -> None:
        """A Job can't be changed: its name has a hash of all that may change."""
        container = tree["spec"]["template"]["spec"]["containers"][0]
        every = " ".join(f"ttscope-{name}" for name in SECRETS)
        names = Expression(f'{MAKES_SECRETS} | splitList " " | toJson')
        container["args"] = Cases(((f'ne ({MAKES_SECRETS}) "{every}"', names),), ABSENT)
        text = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:8]
        name = manifest["metadata"]["name"]
        files = " ".join(map(json.dumps, self._configuration(tree["spec"]["template"]["spec"])))
        tree["metadata"]["name"] = Expression(f'include "ttscope.jobName" (list . "{name}" "{text}" {files})')


def _label(tree: dict[str, Tree]) -> None:
    metadata = tree["metadata"]
    metadata["labels"] = {
        **metadata.get("labels", {}),
        "app.kubernetes.io/part-of": NAMESPACE,
        "app.kubernetes.io/instance": Expression(".Release.Name"),
        "app.kubernetes.io/managed-by": Expression(".Release.Service"),
        "helm.sh/chart": Expression('printf "%s-%s" .Chart.Name .Chart.Version'),
    }
    if tree["kind"] not in CLUSTER_SCOPED:
        metadata.setdefault("namespace", NAMESPACE)


def _replace_names(tree: Tree, field: str = "") -> Tree:
    """Returns the tree with the names of the namespace and of the Secrets replaced, wherever they are."""
    if isinstance(tree, dict):
        return {name: _replace_names(value, name) for name, value in tree.items()}
    if isinstance(tree, list):
        return [_replace_names(element) for element in tree]
    if field == "namespace" and tree == NAMESPACE:
        return Expression(HERE)
    if isinstance(tree, str) and f".{NAMESPACE}.svc" in tree:
        return Expression(f"{_in_namespace(tree)} | quote")
    for name in SECRETS:
        if tree == f"ttscope-{name}":
            return Expression(f'.Values.existingSecrets.{name} | default "{tree}"')
    return tree


def _in_namespace(text: str) -> str:
    """The expression of a text with host names of the namespace."""
    return f"printf {json.dumps(text.replace(f'.{NAMESPACE}', '.%[1]s'))} ({HERE})"


def _if_set(path: str) -> Cases:
    return Cases(((path, Expression(path)),), ABSENT)


def _pull_secrets() -> Cases:
    return Cases(((".Values.images.pullSecrets", Expression('include "ttscope.pullSecrets" .')),), ABSENT)


def _checksum(paths: list[str]) -> Expression:
    return Expression(f'include "ttscope.checksum" (list . {" ".join(map(json.dumps, paths))})')
