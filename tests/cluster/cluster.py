"""A Kubernetes cluster of two nodes on this machine, with real kubelets: one at a time, and nothing of it is left.

``with running_cluster(print) as cluster:`` gives one; pods find every image of deploy/kubernetes on both nodes.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import cache
from stack.build import build
from tests.cluster import control, machine
from tests.cluster.api import Api
from tests.cluster.images import answers
from tests.cluster.network import LINK, SERVICES, Network
from tests.cluster.node import Node, socket_of
from tests.cluster.processes import Processes, end_all, run
from tests.cluster.programs import COREDNS, ETCD, HELM, KUBE_ROUTER, KUBERNETES
from tests.cluster.storage import Provisioner

NODES = 2
BASE = Path(__file__).parent / "base.yaml"
UP_SECONDS = 180.0
KUBECTL_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that runs."""

    folder: Path
    kubeconfig: Path
    binaries: Mapping[str, Path]
    api: Api
    nodes: tuple[Node, ...]
    network: Network
    processes: Processes
    images: frozenset[str]
    """What pods find on both nodes; no registry is asked."""

    def kubectl(self, *arguments: str, seconds: float = KUBECTL_SECONDS, given: str | None = None) -> str:
        """Returns what kubectl prints. Raises AssertionError with its error output if it fails."""
        done = self.call("kubectl", *arguments, seconds=seconds, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr[-3000:]}{done.stdout[-1000:]}"
        return done.stdout

    def call(
        self, program: str, *arguments: str, seconds: float = KUBECTL_SECONDS, given: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Returns how kubectl or helm ended."""
        return subprocess.run(
            [str(self.binaries[program]), *arguments],
            env=self.environment,
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables for a program that is to find the cluster."""
        return {**os.environ, "KUBECONFIG": str(self.kubeconfig)}

    def get(self, *what: str) -> Any:
        """Returns what `kubectl get` finds, as JSON: an object, or the items of a list."""
        found = json.loads(self.kubectl("get", *what, "--output=json"))
        return found["items"] if found["kind"].endswith("List") else found

    def log_of(self, name: str) -> str:
        """Returns the end of the log of a program of the cluster, such as api or node1-kubelet."""
        return self.processes.log(name)


@contextmanager
def running_cluster(say: Callable[[str], None]) -> Iterator[Cluster]:
    """Yields a cluster whose nodes are ready, with names and storage. Waits while another one runs on this machine.

    Raises machine.NoClusterError.
    """
    machine.check()
    folder = cache.root() / "cluster"
    folder.mkdir(parents=True, exist_ok=True)
    with (cache.root() / "cluster.lock").open("w") as lock, ExitStack() as ends:
        fcntl.flock(lock, fcntl.LOCK_EX)
        state = folder / "state"
        _clean(state)
        ends.callback(_clean, state)
        state.mkdir()
        machine.remember_kernel_settings(state)
        binaries = build([ETCD, KUBERNETES, COREDNS, KUBE_ROUTER, HELM], say)
        binaries["etcd"] = binaries.pop("server")
        processes = Processes(state / "logs")
        store = machine.prepared_store(folder, processes, say)
        begun = time.monotonic()
        kubeconfig = control.make_certificates(state, NODES)
        api = Api(control.API, state / "certificates")
        nodes = tuple(Node(processes, binaries, state, number) for number in range(1, NODES + 1))
        network = Network(processes, [node.namespaces for node in nodes])
        control.start_store(processes, binaries, state)
        control.start_api(processes, binaries, state)
        for node in nodes:
            store.link(node.folder / "images")
            node.start_containerd()
        cluster = Cluster(state, kubeconfig, binaries, api, nodes, network, processes, store.names())
        until(api.is_ready, "the API answers", lambda: cluster.log_of("api"))
        control.start_controllers(processes, binaries, state)
        for node in nodes:
            answers(socket_of(node.folder))
            node.start_kubelet()
        provisioner = Provisioner(api, state / "volumes")
        provisioner.start()
        ends.callback(provisioner.stop)
        cluster.kubectl("apply", "--filename", str(BASE))
        until(lambda: _is_ready(api), "both nodes are ready", lambda: cluster.log_of("node1-kubelet"))
        for node in nodes:
            node.start_network()
        cluster.kubectl("--namespace=kube-system", "rollout", "status", "daemonset/coredns", "--timeout=2m")
        say(f"a cluster of {NODES} nodes runs after {time.monotonic() - begun:.0f} s: KUBECONFIG={kubeconfig}")
        yield cluster


def until(question: Callable[[], object], what: str, why: Callable[[], str], seconds: float = UP_SECONDS) -> None:
    """Waits until ``question`` answers yes. Raises AssertionError, with what ``why`` returns, if it does not."""
    deadline = time.monotonic() + seconds
    while not question():
        assert time.monotonic() < deadline, f"after {seconds} s it does not hold that {what}: {why()}"
        time.sleep(0.2)


def _is_ready(api: Api) -> bool:
    nodes = api.list("/api/v1/nodes")
    conditions = [condition for node in nodes for condition in node["status"].get("conditions", [])]
    ready = [each for each in conditions if each["type"] == "Ready" and each["status"] == "True"]
    return len(ready) == NODES and api.exists("/api/v1/namespaces/default/serviceaccounts/default")


def _clean(state: Path) -> None:
    """Ends and removes everything of a cluster."""
    end_all()
    machine.restore_kernel_settings(state)
    until(lambda: not Path("/sys/class/net", LINK).exists(), "the switch is gone", str)
    assert SERVICES not in run("ip", "route")
    left = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines() if str(state) in line]
    assert not left, f"something is mounted in {state}: {left}"
    if state.exists():
        shutil.rmtree(state)
