"""The cluster that all tests of a run share, and the overlay for processors on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cluster.cluster import Cluster, running_cluster
from tests.cluster.deployment import Deployment, deployment
from tests.cluster.machine import NoClusterError


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of two nodes."""
    try:
        with running_cluster(print) as cluster:
            yield cluster
    except NoClusterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def cpu(cluster: Cluster) -> Iterator[Deployment]:
    """The overlay cpu, whose pods are ready; it is removed after the module."""
    applied = deployment(cluster, "cpu")
    applied.apply()
    try:
        applied.until_ready()
        yield applied
    finally:
        applied.remove()
