"""A Ray cluster of several nodes on this machine, which listens on the loopback interface alone."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from server.lifecycle.launch import QUIET
from server.providers.ray_link import PATIENCE

ROOT = Path(__file__).parent.parent.parent
STORE_BYTES = 100 * 1024 * 1024
"""Memory of a node's object store. Speech goes past it: see ray_messages.INLINE_SAMPLES."""
TOKEN = "RAY_AUTH_TOKEN"  # noqa: S105 - a variable's name


def environment() -> dict[str, str]:
    """Returns the variables of all processes of a local cluster, its clients included; the first call of a process
    chooses a token, without which the cluster takes no calls."""
    return {
        **QUIET,
        **PATIENCE,
        # Ray would replace 127.0.0.1 by the machine's address, and listen on every interface.
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        TOKEN: os.environ.get(TOKEN) or secrets.token_hex(32),
        "RAY_enable_metrics_collection": "0",
        # Ray would give replicas a niceness of 15; the engine's process lowers its own priority as far as it should.
        "RAY_worker_niceness": "0",
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
    }


class LocalCluster:
    """A head node, and nodes that can be added and killed. Use it in a process that has not imported Ray before."""

    def __init__(self, cpus: int = 1, cores: Collection[int] = ()) -> None:
        """Starts the head node, and joins the cluster; see ``add_node`` for the arguments. With no ``cpus``, no replica
        runs on the head node."""
        os.environ.update(environment())
        import ray
        from ray.cluster_utils import Cluster

        self.folder = Path(tempfile.mkdtemp(prefix="ray-", dir="/tmp"))
        """Where Ray keeps its sockets and logs."""
        # Ray notes the address of its newest cluster in RAY_TMPDIR/ray, else in /tmp/ray, and makes no such folder.
        os.environ["RAY_TMPDIR"] = str(self.folder)
        (self.folder / "ray").mkdir()
        options = {**_node(cpus), "temp_dir": str(self.folder)}
        with _running_on(cores):
            self._cluster = Cluster(initialize_head=True, head_node_args=options)
        self.address: str = self._cluster.address
        """HOST:PORT of the head node."""
        ray.init(address=self.address, log_to_driver=False, configure_logging=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def add_node(self, cpus: int = 1, cores: Collection[int] = ()) -> Any:
        """Starts a node, and returns it. Its processes run on ``cores``; on all of this process's if there are none."""
        with _running_on(cores):
            return self._cluster.add_node(**_node(cpus))

    def kill_node(self, node: Any) -> None:
        """Ends a node's processes at once, as a power failure would."""
        self._cluster.remove_node(node, allow_graceful=False)

    def close(self) -> None:
        """Stops all nodes."""
        import ray

        ray.shutdown()
        self._cluster.shutdown()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def _running_on(cores: Collection[int]) -> Iterator[None]:
    """Starts processes on the given cores; on all of this process's if there are none."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores or before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _node(cpus: int) -> dict[str, object]:
    return {
        "num_cpus": cpus,
        "num_gpus": 0,
        "include_dashboard": False,
        "include_log_monitor": False,
        "object_store_memory": STORE_BYTES,
    }
