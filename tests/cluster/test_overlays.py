"""Each overlay is applied to a real cluster: all pods get ready, and a second time nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.cluster import operator
from tests.cluster.cluster import Cluster, until
from tests.cluster.deployment import Deployment, deployment
from tests.http_calls import fetch

pytestmark = pytest.mark.timeout(1800)

WITHOUT_GPU: dict[str, tuple[str, ...]] = {"cpu": (), "gpu": ("server",), "tempo": (), "monitoring": ()}
"""The overlays, and which pods can't run in them without a GPU."""
WITHOUT_IMAGE = ("grafana", "tempo")
"""The programs whose images can't be had everywhere."""


@pytest.fixture(params=WITHOUT_GPU)
def applied(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[tuple[str, Deployment]]:
    overlay = str(request.param)
    if overlay == "monitoring":
        operator.install(cluster)
    shown = deployment(cluster, overlay)
    try:
        yield overlay, shown
    finally:
        shown.remove()
        if overlay == "monitoring":
            operator.uninstall(cluster)


def test_every_pod_gets_ready_and_a_second_time_nothing_changes(applied: tuple[str, Deployment]) -> None:
    overlay, shown = applied
    first = shown.apply()
    assert set(first.values()) == {"created"}
    second = {name: became for name, became in shown.apply().items() if became != "unchanged"}
    assert second == {"poddisruptionbudget.policy/server": "configured"}, "kubectl sends it anew, which changes nothing"
    assert shown.get("/apis/policy/v1 poddisruptionbudgets")[0]["metadata"]["generation"] == 1
    shown.until_ready(*WITHOUT_GPU[overlay])
    left = shown.unready()
    assert [name for name in left if not name.startswith((*WITHOUT_GPU[overlay], *WITHOUT_IMAGE))] == []
    assert all("Insufficient nvidia.com/gpu" in why for name, why in left.items() if name.startswith("server"))
    restarts = {
        f"{pod['metadata']['name']}/{status['name']}": status["restartCount"]
        for pod in shown.pods()
        for status in pod["status"].get("containerStatuses", [])
    }
    assert dict.fromkeys(restarts, 0) == restarts
    others = tuple(name.partition("-")[0] for name in left)
    until(lambda: not down(shown, *others), "Prometheus reaches every target", lambda: str(down(shown, *others)))


def down(shown: Deployment, *others: str) -> set[str]:
    """Returns what Prometheus can't scrape, or does not find, but for the programs ``others``."""
    with shown.forward("service/prometheus", 9090) as url:
        targets = json.loads(fetch(f"{url}/api/v1/targets"))["data"]["activeTargets"]
    bad = {f"{target['labels']['job']}: {target['lastError']}" for target in targets if target["health"] != "up"}
    return {each for each in bad if not each.startswith(others)} if targets else {"no target at all"}
