"""A Ray cluster and the server before it, inside a sealed network; ``python -m tests.sealed_ray FOLDER SECONDS``."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tests.http_calls import speak
from tests.ray_cluster import RayCluster
from tests.server_process import LiveServer


def main(data_dir: Path, seconds: float) -> None:
    """Speaks through the cluster, and keeps it for ``seconds``. Raises AssertionError if it does not speak."""
    cluster = RayCluster(data_dir)
    try:
        with LiveServer(data_dir, **cluster.environment) as server:
            server.wait_until_ready()
            assert speak(server.url, "Hello world.")[0] == 200
            time.sleep(seconds)
            assert speak(server.url, "Hello again.")[0] == 200
            assert server.stop() == 0
    finally:
        cluster.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
