"""What the cluster needs of this machine, what it changes on it, and where its images come from."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from stack import cache
from stack.toolchain import NoGoError, find
from tests.cluster.images import ImageStore, identifiers
from tests.cluster.node import CNI_PROGRAMS
from tests.cluster.processes import Processes
from tests.cluster.recipes import OWN, STAND_INS
from tests.compose import images
from tests.compose.engine import NoEngineError, docker_engine
from tests.kubernetes import KUBERNETES

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "ipset": "ipset",
    "conntrack": "conntrack",
    "nsenter": "util-linux",
    "ip": "iproute2",
}
"""Programs, and Debian's packages that have them."""
KERNEL_SETTINGS = ("vm/overcommit_memory", "kernel/panic", "kernel/panic_on_oops")
"""What the kubelet sets."""
IMAGE = re.compile(r"image: ([\w./:-]+)")


KEEP = "TTSCOPE_CLUSTER_KEEP_IMAGES"
"""A variable: if it is set, nothing is built, and pods get the images of the last run. An import takes minutes."""


class NoClusterError(Exception):
    """No cluster can run here; the message says what is missing."""


def check() -> None:
    """Raises NoClusterError where no cluster can run."""
    if os.geteuid() != 0:
        raise NoClusterError("only root can make the namespaces of nodes")
    missing = {package for program, package in PACKAGES.items() if shutil.which(program) is None}
    if not (CNI_PROGRAMS / "ptp").exists():
        missing.add("containernetworking-plugins")
    if shutil.which("dockerd") is None:
        missing.add("docker.io")
    if missing:
        raise NoClusterError(f"not installed: apt-get install {' '.join(sorted(missing))}")
    try:
        find()
    except NoGoError as error:
        raise NoClusterError(str(error)) from error


def named_images() -> set[str]:
    """Returns every image that a manifest names."""
    return {name for path in KUBERNETES.rglob("*.yaml") for name in IMAGE.findall(path.read_text())}


def prepared_store(folder: Path, processes: Processes, say: Callable[[str], None]) -> ImageStore:
    """Returns the store with all images that can be had: of the manifests, and the cluster's own.

    Raises NoClusterError.
    """
    ours = {f"{image}:0.1.0" for image in images.OURS.values()}
    contexts = folder / "contexts"
    store = ImageStore(folder / "store")
    if os.environ.get(KEEP) and store.names():
        return store
    try:
        with docker_engine(cache.root() / "docker") as docker:
            for name, image in images.OURS.items():
                images.made(docker, name, image)
            others = {*named_images(), images.BASE, "busybox:1.37"} - ours
            origins = images.get(docker, others, contexts, say, STAND_INS)
            for name, recipe in OWN.items():
                images.built(docker, name, recipe, contexts)
            wanted = {*origins, *ours, *OWN} - {images.BASE}
            store.fill(docker, identifiers(docker, wanted), processes)
    except NoEngineError as error:
        raise NoClusterError(str(error)) from error
    shutil.rmtree(contexts, ignore_errors=True)
    return store


def remember_kernel_settings(state: Path) -> None:
    """Writes down what the kubelet will change."""
    settings = {name: Path("/proc/sys", name).read_text() for name in KERNEL_SETTINGS}
    (state / "kernel.json").write_text(json.dumps(settings))


def restore_kernel_settings(state: Path) -> None:
    """Puts the settings back, if they were written down."""
    file = state / "kernel.json"
    if file.exists():
        for name, value in json.loads(file.read_text()).items():
            Path("/proc/sys", name).write_text(value)
