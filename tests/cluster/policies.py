"""Pods that try to connect, labelled as the programs are, but in no Service since they are never ready."""

from __future__ import annotations

import json

from tests.cluster.cluster import until
from tests.cluster.deployment import NAMESPACE, Deployment, is_ready
from tests.kubernetes import HARDENED, NAME

IMAGE = "ttscope-drift:0.1.0"
SECONDS = 2.0
SCRIPT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor
def reached(target):
    try:
        socket.create_connection(target, float(sys.argv[2])).close()
    except OSError:
        return False
    return True
targets = [tuple(target) for target in json.loads(sys.argv[1])]
with ThreadPoolExecutor(len(targets)) as pool:
    print(json.dumps(list(pool.map(reached, targets))))
"""


class Caller:
    """A pod of the namespace that is labelled as ``program`` is."""

    def __init__(self, shown: Deployment, program: str) -> None:
        self._shown = shown
        self.name = f"caller-{program}"
        self._program = program

    def start(self) -> None:
        """Starts the pod; it does not wait."""
        container = {
            "name": "caller",
            "image": IMAGE,
            "command": ["sleep", "3600"],
            "readinessProbe": {"exec": {"command": ["false"]}},
            "securityContext": HARDENED,
        }
        user = {"runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.name, "labels": {NAME: self._program}, "ownerReferences": [self._owner()]},
            "spec": {
                "containers": [container],
                "securityContext": {**user, "seccompProfile": {"type": "RuntimeDefault"}},
                "terminationGracePeriodSeconds": 0,
                "automountServiceAccountToken": False,
            },
        }
        self._shown.cluster.kubectl("create", f"--namespace={NAMESPACE}", "--filename=-", given=json.dumps(pod))

    def _owner(self) -> dict[str, object]:
        """A controller of its own, or a DaemonSet would take the pod for one of its pods."""
        namespace = self._shown.cluster.api.get(f"/api/v1/namespaces/{NAMESPACE}")["metadata"]
        return {"apiVersion": "v1", "kind": "Namespace", "name": NAMESPACE, "uid": namespace["uid"], "controller": True}

    def until_it_runs(self) -> None:
        """Waits until the pod runs."""

        def running() -> bool:
            [pod] = [pod for pod in self._shown.pods() if pod["metadata"]["name"] == self.name]
            return pod["status"]["phase"] == "Running" and not is_ready(pod)

        until(running, f"{self.name} runs", lambda: self._shown.kubectl("describe", "pod", self.name))

    def reached(self, targets: list[tuple[str, int]]) -> dict[tuple[str, int], bool]:
        """Returns for each host and port whether a connection is made."""
        command = ["python", "-c", SCRIPT, json.dumps(targets), str(SECONDS)]
        printed = self._shown.kubectl("exec", self.name, "--", *command)
        return dict(zip(targets, json.loads(printed), strict=True))

    def delete(self) -> None:
        """Deletes the pod."""
        self._shown.kubectl("delete", "pod", self.name, "--force", "--grace-period=0", "--ignore-not-found")
