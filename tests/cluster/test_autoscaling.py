"""Automatic scaling on the real cluster: from one server to four and back under a crowd that comes and goes.

docs/images/autoscaling.json and .png are made by it: TTSCOPE_TEST_FIGURES names the folder to which it writes.
"""

from __future__ import annotations

import json
import os
import ssl
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from server.access.api_key import issue
from server.access.caller import KeyLimits
from server.access.key_entry import entry
from server.access.key_record import KeyHash, KeyRecord
from tests.cluster.cluster import Cluster, until
from tests.cluster.control import CONTROLLERS
from tests.cluster.crowd import Crowd, describe
from tests.cluster.deployment import NAMESPACE, Deployment
from tests.cluster.scaling import AUTOSCALER, Run, Watch, quantity, turns
from tests.cluster.scaling_plot import draw
from tests.kubernetes import KUBERNETES, script

pytestmark = pytest.mark.timeout(3600)

OVERLAY = KUBERNETES / "overlays" / "autoscaling"
PATCHES = Path(__file__).with_name("small_servers.yaml")
MOST = 4
CLIENTS = 24
QUIET, BUSY = 0.3, 2.4
"""The load, in servers that are busy all the time."""
QUIET_SECONDS, RISE_SECONDS, BUSY_SECONDS, FALL_SECONDS = 60, 120, 240, 60
BACK_SECONDS = 1200.0
ROUNDS = "horizontal_pod_autoscaler_controller_reconciliations_total"


@pytest.fixture(scope="module")
def keys(cluster: Cluster) -> list[str]:
    """Keys of as many clients, in the Secret that the Job would make: one client alone would be served in turn."""
    texts, secrets = [], script()["new_secrets"]()["ttscope-keys"]
    entries = json.loads(secrets["keys.json"])
    for number in range(CLIENTS):
        key = issue()
        limits = KeyLimits(requests_per_minute=0)
        record = KeyRecord(key.key_id, f"client-{number}", (KeyHash(key.digest),), created=time.time(), limits=limits)
        entries["keys"].append(entry(record))
        texts.append(key.text)
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "ttscope-keys", "namespace": NAMESPACE},
        "stringData": {**secrets, "keys.json": json.dumps(entries)},
    }
    for manifest in (namespace, secret):
        cluster.kubectl("apply", "--filename=-", given=yaml.safe_dump(manifest))
    return texts


@pytest.fixture(scope="module")
def scaled(cluster: Cluster, keys: list[str]) -> Iterator[Deployment]:
    """The overlay with one server, whose signals can be read."""
    folder = cluster.folder / "kustomizations" / "autoscaling"
    folder.mkdir(parents=True)
    kustomization = {"resources": [os.path.relpath(OVERLAY, folder)], "patches": yaml.safe_load(PATCHES.read_text())}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    scaled = Deployment(cluster, folder)
    scaled.apply()
    try:
        scaled.until_ready()
        until(lambda: active(scaled), "the signals can be read", lambda: str(conditions(scaled)), 300.0)
        yield scaled
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "apiservice/v1beta1.external.metrics.k8s.io")
        scaled.remove()  # while an API does not answer, no namespace ends


def conditions(scaled: Deployment) -> dict[str, str]:
    """The conditions of the autoscaler that hold, and of the others the reason."""
    found = scaled.cluster.api.get(AUTOSCALER)["status"].get("conditions", [])
    return {each["type"]: "True" if each["status"] == "True" else each["reason"] for each in found}


def active(scaled: Deployment) -> bool:
    return conditions(scaled).get("ScalingActive") == "True"


def replicas(scaled: Deployment) -> tuple[int, int]:
    """How many servers are wanted, and how many pods there are; those that end count."""
    status = scaled.cluster.api.get(AUTOSCALER)["status"]
    pods = scaled.kubectl("get", "pods", "--selector=app.kubernetes.io/name=server", "--output=name").split()
    return int(status["desiredReplicas"]), len(pods)


def test_servers_follow_the_crowd_and_no_request_is_lost(scaled: Deployment, keys: list[str], tmp_path: Path) -> None:
    assert len(scaled.pods("server")) == 1
    crowd = Crowd(scaled.address("server"), keys)
    alone = crowd.alone(6)
    quiet, busy = QUIET / alone, BUSY / alone
    run = Run(machine(alone), targets(scaled))
    with Watch(scaled, crowd, run) as watch, crowd:
        marks = [time.monotonic()]
        crowd.rate = quiet
        time.sleep(QUIET_SECONDS)
        assert replicas(scaled) == (1, 1), "a quiet load needs one server"
        marks.append(time.monotonic())
        missing = ramp(crowd, watch, busy, RISE_SECONDS, missing_at=0.6 / alone)
        marks.append(time.monotonic())
        time.sleep(BUSY_SECONDS)
        marks.append(time.monotonic())
        ramp(crowd, watch, quiet, FALL_SECONDS)
        fallen = watch.seconds
        until(lambda: replicas(scaled) == (1, 1), "one server is left", lambda: str(replicas(scaled)), BACK_SECONDS)
        marks.append(time.monotonic())
    run.machine["load_after"] = os.getloadavg()[0]
    phases = zip(("quiet", "rising", "busy", "falling"), pairwise(marks), strict=True)
    run.results = {name: crowd.results(*span) for name, span in phases}
    run.lags = lags(run, missing, fallen)
    folder = Path(os.environ.get("TTSCOPE_TEST_FIGURES", tmp_path))
    run.write(folder / "autoscaling.json")
    draw(folder / "autoscaling.json", folder / "autoscaling.png")
    print(json.dumps(run.lags), run.results, run.desired())
    assert max(sample.ready for sample in run.samples) == MOST
    assert run.desired()[-1] == 1
    assert turns(run.desired()) == 1, "it goes up once and down once"
    failed = [describe(reply) for reply in crowd.replies if reply.status != 200 and not reply.retry_after]
    assert failed == []
    assert sum(results.failed for results in run.results.values()) == 0


def ramp(crowd: Crowd, watch: Watch, rate: float, seconds: float, missing_at: float = float("inf")) -> float:
    """Changes the rate evenly; returns the time at which it passed ``missing_at``: from then on a server is missing."""
    begun, before, missing = time.monotonic(), crowd.rate, 0.0
    while (passed := time.monotonic() - begun) < seconds:
        crowd.rate = before + (rate - before) * passed / seconds
        if not missing and crowd.rate > missing_at:
            missing = watch.seconds
        time.sleep(0.5)
    crowd.rate = rate
    return missing


def lags(run: Run, missing: float, fallen: float) -> dict[str, float]:
    """What passed between the load and each step that follows from it, in seconds."""
    decided = run.first(missing, desired=2)
    removed = next(each.seconds for each in run.samples if each.seconds > fallen and each.desired < MOST)
    more = [start for start in run.starts if start.created >= missing - 1]
    ready = sorted(start.ready - start.created for start in more)
    return {
        "load_to_decision": round(decided - missing, 1),
        "decision_to_ready": round(run.first(decided, ready=2) - decided, 1),
        "load_to_four_ready": round(run.first(missing, ready=MOST) - missing, 1),
        "start_of_a_pod_median": round(ready[len(ready) // 2], 1),
        "start_of_a_pod_longest": round(ready[-1], 1),
        "fall_to_first_removal": round(removed - fallen, 1),
        "fall_to_one_server": round(run.samples[-1].seconds - fallen, 1),
    }


def targets(scaled: Deployment) -> dict[str, float]:
    """The target of each signal for one server."""
    metrics = [each["external"] for each in scaled.cluster.api.get(AUTOSCALER)["spec"]["metrics"]]
    return {each["metric"]["name"]: quantity(each["target"]["averageValue"]) for each in metrics}


def machine(alone: float) -> dict[str, Any]:
    return {"cores": os.cpu_count(), "load_before": os.getloadavg()[0], "request_alone": alone}


def test_a_signal_that_cannot_be_read_removes_no_server(scaled: Deployment) -> None:
    def limit(least: int) -> None:
        """Two servers are kept by the limit, or by nothing; one that is too many would go at once."""
        down = {"stabilizationWindowSeconds": 0, "policies": [{"type": "Pods", "value": 4, "periodSeconds": 1}]}
        spec = {"minReplicas": least, "behavior": {"scaleDown": down}}
        scaled.kubectl("patch", "hpa", "server", "--type=merge", f"--patch={json.dumps({'spec': spec})}")

    limit(2)
    until(lambda: replicas(scaled)[0] == 2, "there are two servers", str)
    scaled.until_ready()
    scaled.kubectl("scale", "deployment/prometheus-adapter", "--replicas=0")
    until(lambda: not active(scaled), "the autoscaler says that it can't read them", str)
    limit(1)
    seen = rounds()
    until(lambda: rounds() >= seen + 4, "it has tried again", str)  # every 15 s
    assert replicas(scaled) == (2, 2)
    scaled.kubectl("scale", "deployment/prometheus-adapter", "--replicas=1")
    until(lambda: replicas(scaled) == (1, 1), "with its signals it removes one", lambda: str(conditions(scaled)), 300.0)


def rounds() -> float:
    """How often the controllers have looked at the autoscaler."""
    unverified = ssl.create_default_context()
    unverified.check_hostname, unverified.verify_mode = False, ssl.CERT_NONE
    with urllib.request.urlopen(f"{CONTROLLERS}/metrics", timeout=30.0, context=unverified) as response:
        families = text_string_to_metric_families(response.read().decode())
    samples = [sample for family in families for sample in family.samples]
    return sum(each.value for each in samples if each.name == ROUNDS)
