"""The images that the cluster needs beside those of the manifests, and a stand-in for Valkey's."""

from __future__ import annotations

import shutil
from pathlib import Path

from stack.build import build
from stack.programs import Program
from tests.cluster.processes import run
from tests.cluster.programs import COREDNS, PROMETHEUS_ADAPTER, PROMETHEUS_OPERATOR
from tests.compose.images import Recipe

LOADER = Path("/lib64/ld-linux-x86-64.so.2")


def _pause(context: Path) -> str:
    """What holds the namespaces of a pod."""
    return 'FROM busybox:1.37\nENTRYPOINT ["/bin/busybox", "sleep", "2147483647"]\n'


def _alone(program: Program, name: str) -> Recipe:
    """Returns the recipe of an image with one of a program's binaries and nothing else."""

    def recipe(context: Path) -> str:
        shutil.copy(build([program], print)[name], context / "program")
        return f'FROM scratch\nCOPY program /bin/{name}\nENTRYPOINT ["/bin/{name}"]\n'

    return recipe


def _valkey(context: Path) -> str:
    """Debian's Redis 7.0 by the other name: the last version before the two parted."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed"
    shutil.copy(program, context / "valkey-server")
    (context / "lib").mkdir()
    for line in run("ldd", program).splitlines():
        words = line.split()
        if "=>" in words:
            shutil.copy(words[words.index("=>") + 1], context / "lib" / words[0])
    shutil.copy(LOADER, context / LOADER.name)
    return f"""\
FROM busybox:1.37
COPY lib /usr/lib/x86_64-linux-gnu
COPY {LOADER.name} {LOADER}
COPY valkey-server /usr/local/bin/valkey-server
ENV PATH=/usr/local/bin:/bin LD_LIBRARY_PATH=/usr/lib/x86_64-linux-gnu
CMD ["valkey-server"]
"""


OWN: dict[str, Recipe] = {
    "local/pause:1": _pause,
    "local/coredns:1": _alone(COREDNS, "coredns"),
    "local/prometheus-operator:1": _alone(PROMETHEUS_OPERATOR, "operator"),
    "local/prometheus-config-reloader:1": _alone(PROMETHEUS_OPERATOR, "prometheus-config-reloader"),
}
"""Always made; a test that needs another image adds it here."""
STAND_INS: dict[str, Recipe] = {
    "valkey/valkey": _valkey,
    "registry.k8s.io/prometheus-adapter/prometheus-adapter": _alone(PROMETHEUS_ADAPTER, "adapter"),
}
