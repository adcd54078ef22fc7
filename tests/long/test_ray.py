"""A Ray cluster over a longer time: losses and upgrades in turns under load, lost engines, and nobody is called."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests import sealed_network
from tests.http_calls import speak
from tests.ray_cluster import RayCluster, require
from tests.replicas import traffic
from tests.sealed_network import Recording
from tests.server_process import LiveServer

pytestmark = pytest.mark.timeout(3600)
SECONDS = os.environ.get("TTSCOPE_SEALED_SECONDS", "300")
ROUNDS = 3


@pytest.fixture
def cluster(data_dir: Path) -> Iterator[RayCluster]:
    cluster = RayCluster(data_dir)
    yield cluster
    cluster.close()


@pytest.fixture
def server(cluster: RayCluster, data_dir: Path) -> Iterator[LiveServer]:
    with LiveServer(data_dir, **cluster.environment) as server:
        yield server.wait_until_ready()
        assert server.stop() == 0


async def test_nodes_come_and_go_under_load(server: LiveServer, cluster: RayCluster) -> None:
    """A loss cuts the streams that had begun; an upgrade costs nothing."""
    async with traffic([server.url]) as seen:
        for _ in range(ROUNDS):
            await seen.until(8)
            await asyncio.to_thread(cluster.kill_node)
            await seen.until(8)
            await asyncio.to_thread(cluster.add_node)
            lost = len(seen.failures)
            await asyncio.to_thread(cluster.deploy)
            await seen.until(8)
            assert len(seen.failures) == lost
    assert all("ClientPayloadError" in failure.what for failure in seen.failures), seen.failures


async def test_a_lost_engine_is_replaced_and_costs_no_whole_answer(server: LiveServer, cluster: RayCluster) -> None:
    for _ in range(ROUNDS):
        requests = [
            asyncio.to_thread(speak, server.url, f"{number}. " + "It was sent today. " * 9) for number in range(6)
        ]
        answers = asyncio.gather(*requests)
        await asyncio.sleep(0)
        engine = next(process for process in cluster.processes() if "server.engine" in process.cmdline())
        engine.kill()
        assert [status for status, *_ in await answers] == [200] * 6


async def test_waiting_audio_adds_a_replica(data_dir: Path) -> None:
    scaling = {
        "TTSCOPE_RAY_MIN_REPLICAS": "1",
        "TTSCOPE_RAY_MAX_REPLICAS": "2",
        "TTSCOPE_RAY_REPLICA_AUDIO_SECONDS": "5",
    }
    cluster = RayCluster(data_dir, **scaling)
    try:
        with LiveServer(data_dir, **cluster.environment) as server:
            server.wait_until_ready()
            assert await asyncio.to_thread(cluster.replicas) == 1
            async with traffic([server.url]) as seen, asyncio.timeout(300):
                while await asyncio.to_thread(cluster.replicas) < 2:
                    await seen.until(1)
            assert seen.failures == []
    finally:
        cluster.close()


def test_no_process_outlives_the_cluster(cluster: RayCluster) -> None:
    processes = cluster.processes()
    assert len(processes) > 10
    cluster.kill()
    _, alive = psutil.wait_procs(processes, timeout=300)
    assert alive == []


def test_the_cluster_calls_nobody(tmp_path: Path, data_dir: Path) -> None:
    require()
    sealed_network.require()
    command = [sys.executable, "-m", "tests.sealed_ray", str(data_dir), SECONDS]
    code, output, recording = sealed_network.run(command, tmp_path)
    assert code == 0, output
    assert recording == Recording()
