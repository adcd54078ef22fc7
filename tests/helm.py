"""The Helm chart as Helm renders it, in a form that can be compared with what Kustomize builds."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.programs import VERSION
from tests.kubernetes import Manifest
from tests.server_process import ROOT

CHART = ROOT / "deploy" / "helm" / "ttscope"
OVERLAYS: dict[str, dict[str, Any]] = {
    "autoscaling": {"autoscaling": {"by": "hpa"}},
    "cpu": {},
    "gpu": {"gpu": {"enabled": True}},
    "keda": {"autoscaling": {"by": "keda"}},
    "monitoring": {"monitoring": {"enabled": True}},
    "probe": {"probe": {"enabled": True}},
    "shared-voices": {"sharedVoices": {"enabled": True}},
    "tempo": {"traceStore": "tempo"},
    "wyoming": {"wyoming": {"enabled": True}},
}
"""The values with which the chart is what an overlay is."""
LINK = re.compile(r"walk\.go:\d+: found symbolic link in path: .*\n")
HELMS_LABELS = {"app.kubernetes.io/instance", "app.kubernetes.io/managed-by", "helm.sh/chart"}
HELMS_ANNOTATIONS = {"helm.sh/resource-policy", "checksum/config"}
HASHED = re.compile(r"(.+)-[0-9a-z]{10}")


class HelmError(Exception):
    """What Helm wrote instead of manifests."""


def run(helm: Path, *arguments: str | Path) -> str:
    """Returns what a command of Helm writes. Raises HelmError if it fails."""
    command = [str(helm), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise HelmError(LINK.sub("", done.stderr + done.stdout))
    return done.stdout


def render(helm: Path, values: Mapping[str, Any], chart: Path = CHART, namespace: str = "default") -> list[Manifest]:
    """Returns the objects of the chart with these values, hooks too."""
    flags = [f"--kube-version={VERSION}", f"--namespace={namespace}"]
    flags += [f"--set-json={name}={json.dumps(value)}" for name, value in values.items()]
    return [each for each in yaml.load_all(run(helm, "template", "ttscope", chart, *flags), yaml.CSafeLoader) if each]


def comparable(manifests: Iterable[Manifest]) -> dict[str, Manifest]:
    """Returns the objects by kind and name, without what Helm and Kustomize each add in a way of their own.

    These are hashes in names of ConfigMaps and of the Job, Helm's labels and annotations, and the order of variables,
    containers, ports and volumes.
    """
    found = {}
    objects = [each for each in manifests if "helm.sh/hook" not in each["metadata"].get("annotations", {})]
    hashed = {}
    for each in objects:
        match = HASHED.fullmatch(each["metadata"]["name"])
        if each["kind"] in {"ConfigMap", "Job"} and match:
            hashed[each["metadata"]["name"]] = match[1]
    for each in objects:
        tree = _common(each, hashed)
        found[f"{tree['kind']} {tree['metadata']['name']}"] = tree
    assert len(found) == len(objects), "two objects of one name"
    return found


def _common(tree: Any, hashed: Mapping[str, str]) -> Any:
    if isinstance(tree, list):
        return [_common(element, hashed) for element in tree]
    if isinstance(tree, dict):
        tree = {name: _common(value, hashed) for name, value in tree.items()}
        for name, added in (("labels", HELMS_LABELS), ("annotations", HELMS_ANNOTATIONS)):
            if isinstance(tree.get(name), dict):
                tree[name] = {key: value for key, value in tree[name].items() if key not in added}
        if tree.get("annotations") == {}:
            del tree["annotations"]
        for name in {"env", "containers", "ports", "volumeMounts", "volumes"} & tree.keys():
            tree[name] = sorted(tree[name], key=lambda element: str(element.get("name")))
        return tree
    return hashed.get(tree, tree) if isinstance(tree, str) else tree


def differences(one: Mapping[str, Manifest], other: Mapping[str, Manifest]) -> list[str]:
    """Returns the names of the objects that are not the same in both."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
