"""The Helm chart on a real cluster: install, test, an upgrade under load, uninstall, and a new install after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Cluster, until
from tests.cluster.deployment import NAMESPACE, SERVER_CPU, Deployment, label
from tests.cluster.load import Load
from tests.helm import CHART

pytestmark = pytest.mark.timeout(1800)

RELEASE, TEST = "ttscope", "test-speech"
VALUES = ("--set", f"server.resources.requests.cpu={SERVER_CPU}")
BEFORE = 12
"""Requests before an upgrade, and after it."""
KINDS = (
    "all,configmaps,secrets,persistentvolumeclaims,networkpolicies,poddisruptionbudgets,serviceaccounts,roles,"
    "rolebindings"
)
MADE_BY_THE_CLUSTER = {"configmap/kube-root-ca.crt", "serviceaccount/default"}
STOP_SECONDS = 180.0


class Release(Deployment):
    """The chart, installed."""

    def helm(self, *arguments: str, seconds: float = 300.0) -> str:
        """Returns what Helm prints. Raises AssertionError with its error output if it fails."""
        done = self.cluster.call("helm", *arguments, seconds=seconds)
        assert done.returncode == 0, f"helm {' '.join(arguments)}: {done.stderr[-3000:]}{done.stdout[-1000:]}"
        return done.stdout

    def objects(self) -> set[str]:
        """Returns the names of all objects of the namespace, but for those that every namespace has."""
        printed = self.kubectl("get", KINDS, "--output=name", "--ignore-not-found")
        names = [name.partition("/") for name in printed.split()]
        return {f"{kind.partition('.')[0]}/{name}" for kind, _, name in names} - MADE_BY_THE_CLUSTER


@pytest.fixture(scope="module")
def release(cluster: Cluster) -> Iterator[Release]:
    """The chart, whose pods are ready; its release and its namespace are removed after the module."""
    installed = Release(cluster, CHART)
    try:
        installed.helm("install", RELEASE, str(CHART), *VALUES)
        installed.until_ready()
        yield installed
    finally:
        cluster.call("helm", "uninstall", RELEASE, "--ignore-not-found", seconds=300)
        installed.remove()


def ready_servers(release: Release) -> set[str]:
    """Returns the names of the servers when both are in the Service, and no other one runs."""
    release.kubectl("rollout", "status", "deployment/server", "--timeout=10m", seconds=610)
    names = {pod["metadata"]["name"] for pod in release.pods("server")}
    until(lambda: release.endpoints("server") == names, "both servers are in the Service", str)
    return names


def pods(release: Release, *without: str) -> set[str]:
    """Returns the identifiers of the pods that serve. The Job's is made anew once its time is over."""
    return {pod["metadata"]["uid"] for pod in release.pods() if label(pod) not in {"make-secrets", *without}}


def speaks(release: Release) -> bool:
    """Whether the test of the chart passes. Raises AssertionError with the log of its pod if it fails."""
    done = release.cluster.call("helm", "test", RELEASE, seconds=300)
    log = release.cluster.call("kubectl", f"--namespace={NAMESPACE}", "logs", TEST) if done.returncode else None
    assert done.returncode == 0, f"{done.stderr}{log.stdout if log else ''}"
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{TEST}"
    until(lambda: not release.cluster.api.exists(path), "the pod of the test is removed", str)
    return done.stdout.count("Phase:          Succeeded") == 2


def test_the_test_of_the_chart_passes_and_can_fail(release: Release) -> None:
    assert speaks(release)
    release.kubectl("scale", "deployment/server", "--replicas=0")
    until(lambda: not release.pods("server"), "no server is left", str, STOP_SECONDS)
    try:
        with pytest.raises(AssertionError, match=r"Connection refused|timed out|No route"):
            speaks(release)
    finally:
        release.kubectl("scale", "deployment/server", "--replicas=2")
    ready_servers(release)
    assert speaks(release)


def test_an_upgrade_loses_no_request(release: Release) -> None:
    release.until_ready()
    before, others = ready_servers(release), pods(release, "server")
    with Load(release.address("server"), release.secret("ttscope-keys", "first.key")) as load:
        load.wait_for(BEFORE)
        release.helm("upgrade", RELEASE, str(CHART), *VALUES, "--set", "server.env.TTSCOPE_LOG_LEVEL=warning")
        after = ready_servers(release)
        load.wait_for(BEFORE)
    assert not before & after, "both servers are new"
    assert load.failed() == []
    assert pods(release, "server") == others, "nothing else has changed"
    for pod in release.pods("server"):
        assert {"name": "TTSCOPE_LOG_LEVEL", "value": "warning"} in pod["spec"]["containers"][0]["env"]


def test_an_upgrade_without_a_change_restarts_nothing(release: Release) -> None:
    before = pods(release)
    release.helm("upgrade", RELEASE, str(CHART), "--reuse-values")
    ready_servers(release)
    assert pods(release) == before


def test_what_is_stored_outlives_the_release(release: Release) -> None:
    key = release.secret("ttscope-keys", "first.key")
    release.helm("uninstall", RELEASE, "--wait", "--timeout=4m")
    until(lambda: not release.get("/api/v1 pods"), "every pod has ended", lambda: str(release.objects()), STOP_SECONDS)
    left = release.objects()
    assert {name.partition("/")[0] for name in left} == {"persistentvolumeclaim", "secret"}
    assert {name for name in left if name.startswith("secret/")} == {
        "secret/ttscope-keys",
        "secret/ttscope-redis",
        "secret/ttscope-grafana",
    }
    assert release.cluster.get("namespace", NAMESPACE)["status"]["phase"] == "Active"
    release.helm("install", RELEASE, str(CHART), *VALUES)
    release.until_ready()
    assert release.secret("ttscope-keys", "first.key") == key
    assert speaks(release)
