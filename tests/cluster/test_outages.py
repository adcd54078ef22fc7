"""A steady load through the Service, while pods, nodes and the Collector are taken away: which requests fail.

Results are written as a table into the folder that $TTSCOPE_CLUSTER_RESULTS names, if it is set.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.arrivals import Arrivals
from tests.cluster.cluster import until
from tests.cluster.deployment import Deployment
from tests.cluster.host import send
from tests.cluster.images import tag
from tests.cluster.load import TIMEOUT, Load

pytestmark = pytest.mark.timeout(1800)

BEFORE = 12
"""Requests before something happens, and at its end."""
UP_SECONDS = 600.0
SETTLE_SECONDS = 90.0


@pytest.fixture
def results() -> Iterator[dict[str, str]]:
    """What a test writes down, for the table."""
    written: dict[str, str] = {}
    yield written
    folder = os.environ.get("TTSCOPE_CLUSTER_RESULTS")
    for what, result in written.items():
        print(f"| {what} | {result} |")
        if folder:
            with Path(folder, "outages.md").open("a") as table:
                table.write(f"| {what} | {result} |\n")


@pytest.fixture
def load(cpu: Deployment, arrivals: Arrivals) -> Iterator[Load]:
    """Clients that speak through the Service; all pods are ready."""
    with Load(cpu.address("server"), cpu.secret("ttscope-keys", "first.key")) as load:
        load.wait_for(BEFORE)
        assert load.failed() == []
        yield load


@pytest.fixture
def arrivals(cpu: Deployment) -> Arrivals:
    """What arrives from here on: it is asked for before the load."""
    cpu.until_ready()
    return Arrivals(cpu)


def test_an_upgrade_loses_no_request(cpu: Deployment, load: Load, results: dict[str, str]) -> None:
    for node in cpu.cluster.nodes:
        tag(node.folder, "docker.io/library/ttscope:0.1.0", "docker.io/library/ttscope:0.1.1")
    begun = time.monotonic()
    cpu.kubectl("set", "image", "deployment/server", "server=ttscope:0.1.1")
    cpu.kubectl("rollout", "status", "deployment/server", f"--timeout={UP_SECONDS:.0f}s", seconds=UP_SECONDS + 10)
    until(lambda: len(cpu.pods("server")) == 2, "the old servers are gone", str)
    seconds = time.monotonic() - begun
    load.wait_for(BEFORE)
    results["upgrade of both servers"] = f"{report(load)}; {seconds:.0f} s"
    assert load.failed() == []


def test_a_drained_node_loses_no_request(cpu: Deployment, load: Load, results: dict[str, str]) -> None:
    begun = time.monotonic()
    cpu.cluster.kubectl(
        *("drain", "node2", "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={UP_SECONDS:.0f}s"),
        seconds=UP_SECONDS + 10,
    )
    seconds = time.monotonic() - begun
    try:
        until(lambda: len(cpu.endpoints("server")) == 2, "both servers are on the other node", str, UP_SECONDS)
        load.wait_for(BEFORE)
        assert {pod["spec"].get("nodeName", "node1") for pod in cpu.pods("server")} == {"node1"}
    finally:
        cpu.cluster.kubectl("uncordon", "node2")
    results["drain of a node"] = f"{report(load)}; {seconds:.0f} s"
    assert load.failed() == []
    cpu.kubectl("delete", "pod", cpu.pods("server")[0]["metadata"]["name"])  # the next one is on the other node again
    cpu.until_ready()
    load.wait_for(BEFORE)
    assert load.failed() == []


def test_a_killed_server_loses_what_it_was_saying(
    cpu: Deployment, load: Load, results: dict[str, str], arrivals: Arrivals
) -> None:
    pod = cpu.pods("server")[0]
    killed = time.monotonic()
    send(pod, "-m server", signal.SIGKILL)
    until(lambda: len(cpu.endpoints("server")) < 2, "it has left the Service", str, 60.0)
    left = time.monotonic()
    until(lambda: len(cpu.endpoints("server")) == 2, "it is back", str, UP_SECONDS)
    load.wait_for(BEFORE)
    load.stop()
    left_after = f"out of the Service after {left - killed:.1f} s"
    results["a server killed"] = f"{report(load, killed)}; {left_after}; {lost(arrivals, load)}"
    assert [attempt for attempt in load.failed() if attempt.begun > left + 1.0] == []


@pytest.mark.parametrize("program", ["collector", "collector-agent"])
def test_a_lost_collector_loses_no_request(
    cpu: Deployment, load: Load, results: dict[str, str], arrivals: Arrivals, program: str
) -> None:
    pods = {pod["metadata"]["name"] for pod in cpu.pods(program)}
    cpu.kubectl("delete", "pod", *pods, "--force", "--grace-period=0")
    gone = time.monotonic()
    load.wait_for(BEFORE)
    cpu.until_ready()
    back = time.monotonic()
    load.wait_for(BEFORE)
    load.stop()
    what = "gateway" if program == "collector" else "agents"
    results[f"the {what} killed"] = f"{report(load)}; ready again after {back - gone:.0f} s; {lost(arrivals, load)}"
    assert load.failed() == []


def test_a_node_that_is_cut_off_loses_what_went_there(cpu: Deployment, load: Load, results: dict[str, str]) -> None:
    assert {pod["spec"]["nodeName"] for pod in cpu.pods("server")} == {"node1", "node2"}
    cpu.cluster.network.cut(2)
    cut = time.monotonic()
    try:
        until(lambda: len(cpu.endpoints("server")) == 1, "its server is out of the Service", str, 180.0)
        out = time.monotonic()
        time.sleep(TIMEOUT.total or 0.0)  # what had begun before has ended
        load.wait_for(BEFORE)
    finally:
        cpu.cluster.network.mend(2)
    results["a node cut off"] = f"{report(load, cut)}; out of the Service after {out - cut:.0f} s"
    assert [attempt for attempt in load.failed() if attempt.begun > out + 1.0] == []
    cpu.until_ready()


def report(load: Load, moment: float | None = None) -> str:
    """Returns the requests in words; those that failed in two kinds, if something happened at a ``moment``."""
    failed = load.failed()
    words = f"{len(load.attempts)} requests, {len(failed)} failed"
    if moment is None or not failed:
        return words
    flying = [attempt for attempt in failed if attempt.begun <= moment]
    return f"{words} ({len(flying)} in flight, {len(failed) - len(flying)} sent later; {json.dumps(load.summary())})"


def lost(arrivals: Arrivals, load: Load) -> str:
    """Returns in words which telemetry never arrived."""
    missing = arrivals.missing(load)
    return "lost " + ", ".join(f"{number} {what}" for what, number in missing.items())
