"""``python -m server.ray_serve deploy|delete|local``: the engine's deployment in a Ray cluster.

``deploy`` deploys the engine by the settings, and replaces the replicas that are there one after the other. ``delete``
stops it. ``local`` starts a cluster of two nodes on this machine, with the server before it; ``--cores 0,1`` gives each
node one processor and the replicas nothing else.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from otel.support.environment import SettingsError
from server.lifecycle import launch
from server.providers.ray_messages import APPLICATION
from server.ray_serve.deployment import deploy
from server.ray_serve.local_cluster import LocalCluster
from server.settings import PREFIX, Settings, load, secret_variables

NODES = 2


def main() -> int:
    """Returns the exit code: that of the server for ``local``, else 0, or 2 for invalid settings."""
    parser = argparse.ArgumentParser(prog="python -m server.ray_serve")
    parser.add_argument("command", choices=("deploy", "delete", "local"))
    parser.add_argument("--cores", type=_numbers, default=(), help="of local: the processor of each node, as 0,1")
    arguments = parser.parse_args()
    try:
        settings = load()
    except SettingsError as error:
        print(f"ttscope: {error}", file=sys.stderr)
        return 2
    if arguments.command == "local":
        return _run_locally(settings, arguments.cores)
    if not settings.ray_address:
        print("ttscope: TTSCOPE_RAY_ADDRESS: is needed", file=sys.stderr)
        return 2
    os.environ.update(launch.QUIET)
    import ray
    from ray import serve

    ray.init(address=settings.ray_address, log_to_driver=False)
    if arguments.command == "deploy":
        deploy(settings)
    else:
        serve.delete(APPLICATION)
    ray.shutdown()
    return 0


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _run_locally(settings: Settings, cores: Sequence[int]) -> int:
    """Runs the server with a cluster until the server ends, and returns its exit code. There are NODES nodes, or one on
    each of ``cores`` beside the head node, and a replica on each."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    nodes = len(cores) or NODES
    inherited = dict(os.environ)
    for name in secret_variables():
        if name.startswith(PREFIX):  # of the server alone; replicas need the headers of OTLP
            os.environ.pop(name, None)
    with LocalCluster(0 if cores else settings.ray_replica_cpus) as cluster:
        for core in cores:
            cluster.add_node(settings.ray_replica_cpus, [core])
        for _ in range(0 if cores else nodes - 1):
            cluster.add_node(settings.ray_replica_cpus)
        deploy(settings.model_copy(update={"ray_min_replicas": nodes, "ray_max_replicas": nodes}))
        variables = {"TTSCOPE_PROVIDERS": "ray", "TTSCOPE_RAY_ADDRESS": cluster.address}
        with subprocess.Popen([sys.executable, "-m", "server"], env={**inherited, **os.environ, **variables}) as server:
            signal.signal(signal.SIGINT, lambda *_: None)  # the terminal sends it to the server too
            signal.signal(signal.SIGTERM, lambda *_: server.terminate())
            return server.wait()


if __name__ == "__main__":
    sys.exit(main())
