"""The signals of automatic scaling: what the manifests of Kubernetes ask for is what otel/contract/scaling.py says."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml

from otel.contract import scaling
from otel.contract.metrics import QUEUE_AUDIO
from otel.contract.promql import UNSCOPED
from otel.contract.slo import LATENCY
from otel.sdk.honoured_variables import METRIC_INTERVAL_MILLIS
from server.settings import Settings
from tests.kubernetes import KUBERNETES, documents
from tests.server_process import ROOT

AUTOSCALING = KUBERNETES / "components" / "autoscaling"
QUERIES = {
    "tts_busy_threads": scaling.busy_threads(UNSCOPED),
    "tts_queue_audio_seconds": scaling.queued_audio(UNSCOPED),
}
TARGETS = {"tts_busy_threads": scaling.BUSY_THREADS, "tts_queue_audio_seconds": scaling.QUEUE_SECONDS}
RATE = 24.0
"""Seconds of audio per second: four fifths of what two cores make."""


@pytest.fixture(scope="module")
def autoscaler() -> dict[str, Any]:
    return spec("autoscaling", "HorizontalPodAutoscaler")


@pytest.fixture(scope="module")
def keda() -> dict[str, Any]:
    return spec("keda", "ScaledObject")


def spec(component: str, kind: str) -> dict[str, Any]:
    [manifest] = [each for each in documents(KUBERNETES / "components" / component) if each["kind"] == kind]
    assert manifest["metadata"]["name"] == "server"
    result: dict[str, Any] = manifest["spec"]
    assert result["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "server"}
    return result


def quantity(text: str) -> float:
    """The number that a quantity of Kubernetes stands for."""
    return float(text[:-1]) / 1000 if text.endswith("m") else float(text)


def one_line(query: str) -> str:
    return " ".join(query.split())


def test_the_adapter_asks_prometheus_the_queries_of_the_contract() -> None:
    rules = yaml.safe_load((AUTOSCALING / "signals.yaml").read_text())["externalRules"]
    assert {rule["name"]["as"]: one_line(rule["metricsQuery"]) for rule in rules} == QUERIES
    assert {rule["seriesQuery"] for rule in rules} == {QUEUE_AUDIO.prometheus_name}


def test_the_autoscaler_holds_the_targets_of_the_contract(autoscaler: dict[str, Any]) -> None:
    external = [metric["external"] for metric in autoscaler["metrics"]]
    assert {each["metric"]["name"]: quantity(each["target"]["averageValue"]) for each in external} == TARGETS
    assert all(each["target"]["type"] == "AverageValue" for each in external)


def test_a_server_has_the_threads_of_the_target() -> None:
    [server] = [
        each
        for each in yaml.safe_load_all((KUBERNETES / "base" / "server.yaml").read_text())
        if each["kind"] == "Deployment"
    ]
    [container] = server["spec"]["template"]["spec"]["containers"]
    assert math.ceil(quantity(container["resources"]["requests"]["cpu"])) == scaling.THREADS


def test_keda_does_as_the_autoscaler(autoscaler: dict[str, Any], keda: dict[str, Any]) -> None:
    triggers = {trigger["name"]: trigger for trigger in keda["triggers"]}
    names = {"busy-threads": "tts_busy_threads", "queue-audio": "tts_queue_audio_seconds"}
    assert {names[name]: one_line(each["metadata"]["query"]) for name, each in triggers.items()} == QUERIES
    assert {names[name]: float(each["metadata"]["threshold"]) for name, each in triggers.items()} == TARGETS
    assert all(each["metricType"] == "AverageValue" for each in triggers.values()), "fallback works with no other"
    assert all(each["metadata"]["ignoreNullValues"] == "false" for each in triggers.values())
    assert keda["minReplicaCount"] == keda["fallback"]["replicas"] == autoscaler["minReplicas"]
    assert keda["maxReplicaCount"] == autoscaler["maxReplicas"]
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"] == autoscaler["behavior"]


def test_it_grows_at_once_and_shrinks_slowly(autoscaler: dict[str, Any]) -> None:
    up, down = autoscaler["behavior"]["scaleUp"], autoscaler["behavior"]["scaleDown"]
    assert up["stabilizationWindowSeconds"] == 0
    assert down["stabilizationWindowSeconds"] >= 300
    assert [(each["type"], each["value"]) for each in down["policies"]] == [("Pods", 1)]
    assert autoscaler["minReplicas"] >= 2, "a drained node leaves a server"


@pytest.mark.parametrize("component", ["autoscaling", "keda"])
def test_apply_does_not_set_the_number_of_servers_back(component: str) -> None:
    patches = yaml.safe_load((KUBERNETES / "components" / component / "kustomization.yaml").read_text())["patches"]
    [patch] = [each for each in patches if each.get("target") == {"kind": "Deployment", "name": "server"}]
    assert yaml.safe_load(patch["patch"]) == [{"op": "remove", "path": "/spec/replicas"}]


def test_the_targets_follow_from_what_is_promised() -> None:
    seconds = scaling.QUEUE_SECONDS / RATE
    assert seconds <= LATENCY.bounds["11-25"], "what waits is made within the objective"
    limit = Settings.model_fields["max_queue_seconds"].default
    assert limit >= 10 * scaling.QUEUE_SECONDS, "a new server is ready long before requests are refused"
    exports = int(scaling.RECENT.removesuffix("s")) * 1000 / METRIC_INTERVAL_MILLIS
    assert exports == 3, "two exports may be lost"


def test_the_page_names_the_targets() -> None:
    page = (ROOT / "docs" / "scaling.md").read_text()
    for query in QUERIES.values():
        assert one_line(query) in one_line(page)
    assert f"{scaling.BUSY_SHARE:.0%}".replace("%", " %") in page
    assert f"{scaling.QUEUE_SECONDS:g} s" in page
