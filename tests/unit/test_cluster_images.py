"""The names of images on the nodes of the tests' cluster."""

from __future__ import annotations

import pytest

from tests.cluster.layers import full_name


@pytest.mark.parametrize(
    ("docker", "containerd"),
    [
        ("busybox:1.37", "docker.io/library/busybox:1.37"),
        ("prom/prometheus:v3.14.0", "docker.io/prom/prometheus:v3.14.0"),
        ("registry.k8s.io/prometheus-adapter/prometheus-adapter:v0.12.0",) * 2,
        ("registry:5000/ttscope:0.1.0", "registry:5000/ttscope:0.1.0"),
        ("localhost/ttscope:0.1.0", "localhost/ttscope:0.1.0"),
    ],
)
def test_an_image_has_the_name_that_a_kubelet_asks_for(docker: str, containerd: str) -> None:
    assert full_name(docker) == containerd
