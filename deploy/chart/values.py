"""The values of the chart: each has a title, a description, a JSON schema and a default."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]
TEXT: Schema = {"type": "string"}
SWITCH: Schema = {"type": "boolean"}
NAME: Schema = {"type": "string", "pattern": "^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"}
"""The name of an object of Kubernetes, or nothing."""
NAMES: Schema = {"type": "array", "items": {**NAME, "minLength": 1}, "uniqueItems": True}
QUANTITY: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?([kMGTPE]i?|m)?$"}
QUANTITIES: Schema = {"type": "object", "additionalProperties": QUANTITY}
RESOURCES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"requests": QUANTITIES, "limits": QUANTITIES},
}
REPOSITORY: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._/:-]*$"}
TAG: Schema = {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9._-]*$"}
DIGEST: Schema = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
HOST: Schema = {"type": "string", "pattern": r"^((\*\.)?[a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$"}
HOSTS: Schema = {"type": "array", "items": {**HOST, "minLength": 1}, "uniqueItems": True}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}


class ConflictError(ValueError):
    """Two places of the manifests that the chart gives one value differ."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of the chart; ``path`` is its name, with dots."""

    path: str
    title: str
    description: str
    schema: Schema
    default: Any


class Values:
    """All values, in the order in which they were added."""

    def __init__(self) -> None:
        self._by_path: dict[str, Value] = {}

    def __iter__(self) -> Iterator[Value]:
        return iter(self._by_path.values())

    def add(self, value: Value) -> str:
        """Adds a value, or finds the equal one; returns the expression that reads it."""
        if self._by_path.setdefault(value.path, value) != value:
            raise ConflictError(f"{value.path} is both {self._by_path[value.path].default} and {value.default}")
        return f".Values.{value.path}"


def camel(name: str) -> str:
    """Returns the name of a container as the name of a section of values."""
    return re.sub(r"-(\w)", lambda match: match[1].upper(), name)


NAMESPACE = (
    Value("namespace.name", "Namespace of all objects", "Empty: the namespace of the release.", NAME, "ttscope"),
    Value(
        "namespace.create",
        "Create the namespace",
        "With the label by which the cluster refuses pods that may do more than they must (Pod Security, restricted). "
        "`helm uninstall` leaves it.",
        SWITCH,
        True,
    ),
)
COMPONENTS = (
    Value("gpu.enabled", "Speech on NVIDIA GPUs", "One for each server. Needs NVIDIA's device plugin.", SWITCH, False),
    Value(
        "monitoring.enabled",
        "Use the Prometheus operator",
        "The operator (0.88 or newer) runs Prometheus, from ServiceMonitors and a PrometheusRule.",
        SWITCH,
        False,
    ),
    Value(
        "sharedVoices.enabled",
        "Share registered voices, added pronunciations and the prediction model among servers",
        "On a volume with the access mode ReadWriteMany, which the storage class must have.",
        SWITCH,
        False,
    ),
    Value(
        "probe.enabled",
        "A prober has sentences spoken every minute, and listens",
        "It reports `tts_probe_*`. Its key is `probe.key` of the Secret with the keys.",
        SWITCH,
        False,
    ),
    Value(
        "wyoming.enabled",
        "Open the port for Wyoming's protocol, by which Home Assistant speaks",
        "The protocol has no keys, so that the API needs none either: for a network that you trust.",
        SWITCH,
        False,
    ),
    Value(
        "traceStore",
        "Where traces are stored",
        "`jaeger` (Apache-2.0), or Grafana's `tempo` (AGPL).",
        {"enum": ["jaeger", "tempo"]},
        "jaeger",
    ),
    Value(
        "autoscaling.by",
        "What decides the number of servers",
        "`none`: `server.replicas`. `hpa`: a HorizontalPodAutoscaler and prometheus-adapter, which a cluster has once. "
        "`keda`: KEDA 2.17 or newer, which the cluster must have.",
        {"enum": ["none", "hpa", "keda"]},
        "none",
    ),
)
IMAGES = (
    Value(
        "images.registry",
        "Registry of ttscope's three images",
        "Such as `registry.example.org/speech`. Empty: the nodes have the images.",
        {"type": "string", "pattern": "^([a-z0-9][a-z0-9._/:-]*[a-z0-9])?$"},
        "",
    ),
    Value(
        "images.mirror",
        "Registry of all other images",
        "In place of their own. Empty: Docker Hub, and registry.k8s.io for prometheus-adapter.",
        {"type": "string", "pattern": "^([a-z0-9][a-z0-9._/:-]*[a-z0-9])?$"},
        "",
    ),
    Value(
        "images.pullPolicy",
        "When images are pulled",
        "Empty: only where a node has none of that tag.",
        {"enum": ["", "Always", "IfNotPresent", "Never"]},
        "",
    ),
    Value("images.pullSecrets", "Secrets with the logins of registries", "Names of Secrets.", NAMES, []),
)
STORAGE_CLASS = Value("storageClass", "Storage class of all volumes", "Empty: the cluster's default.", NAME, "")
SECRETS = tuple(
    Value(
        f"existingSecrets.{name}",
        f"A Secret of your own in place of `ttscope-{name}`",
        f"It has {content}. Empty: a Job makes one, once.",
        NAME,
        "",
    )
    for name, content in {
        "keys": "`keys.json`, `observe.key` and, for the prober, `probe.key`",
        "redis": "`redis.conf`, `url` and `cache_secret`",
        "grafana": "`admin_password`",
    }.items()
)
INGRESS = (
    Value("ingress.enabled", "Make an Ingress", "It leads to the API of the servers.", SWITCH, False),
    Value("ingress.className", "Class of the Ingress", "Empty: the cluster's default.", NAME, ""),
    Value(
        "ingress.host",
        "Host name of the Ingress",
        "Servers accept it too.",
        HOST,
        "",
    ),
    Value("ingress.tlsSecret", "Secret with the certificate", "Empty: without TLS.", NAME, ""),
    Value("ingress.annotations", "Annotations of the Ingress", "For its controller.", TEXTS, {}),
    Value("httpRoute.enabled", "Make an HTTPRoute", "For the Gateway API; TLS is the Gateway's.", SWITCH, False),
    Value("httpRoute.gateway.name", "Name of the Gateway", "Needed for an HTTPRoute.", NAME, ""),
    Value("httpRoute.gateway.namespace", "Namespace of the Gateway", "Empty: the same namespace.", NAME, ""),
    Value("httpRoute.hostnames", "Host names of the HTTPRoute", "Servers accept them too.", HOSTS, []),
)
SERVER = (
    Value(
        "server.allowedHosts",
        "More host names of the servers",
        "By which clients reach them. Names of the Service, the Ingress and the HTTPRoute are always accepted.",
        HOSTS,
        [],
    ),
    Value(
        "server.envFrom",
        "More variables from ConfigMaps and Secrets",
        "As in a container of Kubernetes.",
        {"type": "array", "items": {"type": "object"}},
        [],
    ),
)


def environment(names: list[str]) -> Value:
    """Returns the value for more variables of the server; ``names`` are those that it has already."""
    schema = {**TEXTS, "propertyNames": {"pattern": "^[A-Z_][A-Z0-9_]*$", "not": {"enum": names}}}
    return Value(
        "server.env",
        "More variables of the server",
        "By their names; docs/settings.md lists them. Those that the chart sets are refused.",
        schema,
        {},
    )


def image(section: str, repository: str, tag: str) -> tuple[Value, Value, Value]:
    """Returns the values of an image."""
    return (
        Value(
            f"{section}.image.repository", f"Image of {section}", "Without registry and tag.", REPOSITORY, repository
        ),
        Value(f"{section}.image.tag", f"Tag of the image of {section}", "", TAG, tag),
        Value(
            f"{section}.image.digest", f"Digest of the image of {section}", "Empty: any image with the tag.", DIGEST, ""
        ),
    )


def replicas(component: str, default: int) -> Value:
    """Returns the value for the number of servers, or the one that replaces it with a component."""
    where, instead = _with(component, "server.replicas")
    schema = {"type": "integer", "minimum": 0}
    return Value(f"{component or 'server'}.replicas", f"Number of servers{where}", instead, schema, default)


def bound(name: str, title: str, default: int) -> Value:
    """Returns the value for the least or the most servers of an autoscaler."""
    return Value(f"autoscaling.{name}", title, "With `autoscaling.by`.", {"type": "integer", "minimum": 1}, default)


def service_type(section: str, default: str) -> Value:
    """Returns the value for the type of a Service that no Ingress leads to."""
    title = f"Type of the Service {section}"
    schema: Schema = {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]}
    return Value(f"{section}.serviceType", title, f"With `{section}.enabled`.", schema, default)


def drain(default: int) -> Value:
    """Returns the value for the time in which a server that stops finishes its requests."""
    return Value(
        "server.drainSeconds",
        "How long a server that stops finishes its requests",
        "In seconds, `TTSCOPE_DRAIN_SECONDS`. Its pod may take twice as long and 20 s more.",
        {"type": "integer", "minimum": 0, "maximum": 3600},
        default,
    )


def resources(section: str, component: str, default: dict[str, Any]) -> Value:
    """Returns the value for what a container requests and may use, or the one that replaces it with a component."""
    where, instead = _with(component, f"{section}.resources")
    title = f"CPU and memory of the container {section}{where}"
    return Value(f"{component or section}.resources", title, instead, RESOURCES, default)


def _with(component: str, path: str) -> tuple[str, str]:
    return (f" with `{component}.enabled`", f"In place of `{path}`.") if component else ("", "")


def storage(section: str, default: str) -> Value:
    """Returns the value for the size of a volume."""
    return Value(f"{section}.storage", f"Size of the volume {section}", "", QUANTITY, default)
