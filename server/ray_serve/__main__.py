"""``python -m server.ray_serve deploy|delete|local``: the engine's deployment in a Ray cluster.

``deploy`` deploys the engine by the settings, and replaces the replicas that are there one after the other. ``delete``
stops it. ``local`` starts a cluster of two nodes on this machine, with the server before it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys

from otel.support.environment import SettingsError
from server.providers.ray_messages import APPLICATION
from server.ray_serve.deployment import deploy
from server.ray_serve.local_cluster import LocalCluster
from server.settings import Settings, load

NODES = 2


def main() -> int:
    """Returns the exit code: that of the server for ``local``, else 0, or 2 for invalid settings."""
    parser = argparse.ArgumentParser(prog="python -m server.ray_serve")
    parser.add_argument("command", choices=("deploy", "delete", "local"))
    command = parser.parse_args().command
    try:
        settings = load()
    except SettingsError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    if command == "local":
        return _run_locally(settings)
    if not settings.ray_address:
        print("ttscope: TTSCOPE_RAY_ADDRESS: is needed", file=sys.stderr)
        return 2
    import ray
    from ray import serve

    ray.init(address=settings.ray_address, log_to_driver=False)
    if command == "deploy":
        deploy(settings)
    else:
        serve.delete(APPLICATION)
    ray.shutdown()
    return 0


def _run_locally(settings: Settings) -> int:
    """Runs the server with a cluster of NODES nodes until the server ends, and returns its exit code."""
    least, most = settings.ray_replicas
    replicas = {"ray_min_replicas": max(NODES, least), "ray_max_replicas": max(NODES, most)}
    with LocalCluster(settings.ray_replica_cpus) as cluster:
        for _ in range(NODES - 1):
            cluster.add_node(settings.ray_replica_cpus)
        deploy(settings.model_copy(update=replicas))
        variables = {"TTSCOPE_PROVIDERS": "ray", "TTSCOPE_RAY_ADDRESS": cluster.address}
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # the server is stopped, and then this process ends
        with subprocess.Popen([sys.executable, "-m", "server"], env={**os.environ, **variables}) as server:
            signal.signal(signal.SIGTERM, lambda *_: server.terminate())
            return server.wait()


if __name__ == "__main__":
    sys.exit(main())
