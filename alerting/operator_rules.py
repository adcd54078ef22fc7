"""Generates the PrometheusRule, which is how a Kubernetes cluster with the Prometheus operator gets all rules."""

from __future__ import annotations

from collections.abc import Iterable

import yaml

from alerting.yaml_files import render

ABOUT = "The groups of alerting/rules and of stack/config/prometheus-rules.yml, for the Prometheus operator."


def file(rule_files: Iterable[str]) -> str:
    """Returns the text of the manifest. ``rule_files`` are the texts of Prometheus' own rule files."""
    groups = [group for text in rule_files for group in yaml.safe_load(text)["groups"]]
    manifest = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "ttscope"},
        "spec": {"groups": groups},
    }
    return render(manifest, ABOUT)
