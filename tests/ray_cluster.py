"""A real Ray cluster of two nodes with the engine deployed in it, in a process of its own; ``python -m
tests.ray_cluster``.

The process takes commands by standard input, a word in a line, and answers each with a line of JSON. It ends with its
standard input.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.server_process import ROOT

VARIABLES = ("RAY_", "PYTHONPATH")
"""The variables that the cluster's clients need too."""


class RayCluster:
    """A cluster of two nodes of one processor each, and a replica on each."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        """The replicas speak with the voices of ``data_dir``. Returns when they can."""
        require()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("TTSCOPE_", "OTEL_"))}
        settings = {"TTSCOPE_DATA_DIR": str(data_dir), "TTSCOPE_RAY_MIN_REPLICAS": "2"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.ray_cluster"],
            cwd=ROOT,
            env={**inherited, **settings, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            answer = self._answer()
            self.environment: dict[str, str] = answer["environment"]
            """The variables of a server that speaks through the cluster."""
            self.folder = Path(answer["folder"])
            """Where Ray keeps its logs."""
            self.deploy()
        except BaseException:
            self.close()
            raise

    def deploy(self) -> None:
        """Deploys the engine, or replaces the replicas by new ones; returns when that is done."""
        self._call("deploy")

    def replicas(self) -> int:
        """The number of replicas that answer."""
        return int(self._call("replicas")["running"])

    def kill_node(self) -> None:
        """Ends the node without the head at once, and all of its processes."""
        self._call("kill")

    def add_node(self) -> None:
        self._call("add")

    def processes(self) -> list[psutil.Process]:
        """All processes of the cluster."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def kill(self) -> None:
        """Ends the process that started the cluster at once, and nothing else."""
        self._process.kill()
        self._process.wait(timeout=60)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=60)
        finally:
            self._process.kill()

    def _call(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):  # Ray writes there too
                return dict(json.loads(line))
        raise AssertionError("the cluster's process has ended")


def require() -> None:
    """Skips the test where Ray is not installed; CI fails."""
    if importlib.util.find_spec("ray") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("Ray is not installed, and CI must test with it: install the extra ray")
        pytest.skip("Ray is not installed: install the extra ray")


def main() -> None:
    """Serves commands until standard input ends."""
    from server.providers.ray_link import RayLink
    from server.ray_serve.deployment import deploy
    from server.ray_serve.local_cluster import LocalCluster, environment
    from server.settings import load

    settings = load()
    with LocalCluster() as cluster:
        node = cluster.add_node()
        ours = {name: value for name, value in environment().items() if name.startswith(VARIABLES)}
        ours |= {"TTSCOPE_PROVIDERS": "ray", "TTSCOPE_RAY_ADDRESS": cluster.address}
        _say(environment=ours, folder=str(cluster.folder))
        link, running = RayLink(cluster.address), 0
        for line in sys.stdin:
            match line.strip():
                case "deploy":
                    deploy(settings)
                case "kill":
                    cluster.kill_node(node)
                case "add":
                    node = cluster.add_node()
                case "replicas":
                    running = link.running_replicas()
            _say(running=running)


def _say(**answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
