"""Generates the kustomization that makes ConfigMaps of rules, Alertmanager's configuration and runbooks."""

from __future__ import annotations

from collections.abc import Iterable

from alerting.yaml_files import render

ABOUT = "These files as ConfigMaps, for Kubernetes (deploy/kubernetes)."
ALERTMANAGER = ("alertmanager/alertmanager.yml", "alertmanager/templates/ttscope.tmpl")


def file(rule_files: Iterable[str], runbooks: Iterable[str]) -> str:
    """Returns the text of kustomization.yaml, which lists files by their names: it takes no patterns."""
    maps = {
        "alert-rules": [f"rules/{name}" for name in rule_files],
        "alertmanager-config": list(ALERTMANAGER),
        "runbooks": [f"runbooks/{name}" for name in runbooks],
    }
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "configMapGenerator": [{"name": name, "files": sorted(files)} for name, files in maps.items()],
    }
    return render(kustomization, ABOUT)
