"""The images that compose.yaml names: pulled where a registry answers, else made of programs that this machine has.

A stand-in has the official image's name, its entrypoint, its user and the same version of the program; it says
nothing about the official image's own files. Grafana has no stand-in.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import stack.programs
from stack.build import build
from stack.programs import needed
from stack.settings import StackSettings
from tests.compose.engine import Docker
from tests.server_process import ROOT

BUILD_SECONDS = 1800.0
PULL_SECONDS = 300.0
PYTHON_PACKAGES = (
    "ca-certificates,netbase,tzdata,libssl3,libsqlite3-0,libffi8,libbz2-1.0,liblzma5,libreadline8,zlib1g,libuuid1,"
    "libncursesw6,libgdbm6,libdb5.3,libnsl2,libtirpc3"
)
"""Debian's packages that Python's own modules need."""
DEBIAN = "bookworm"
OURS = {"server": "ttscope", "drift": "ttscope-drift", "dashboard": "ttscope-dashboard"}
"""The images that are built of this checkout, by their Dockerfile."""
BASE = "python:3.12-slim-bookworm"
"""What they are built on."""
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")

PROMETHEUS = replace(stack.programs.PROMETHEUS, tags="remove_all_sd,enable_kubernetes_sd,netgo")
"""With the discovery of Kubernetes, as the official one has it: an operator's configuration needs it."""

Say = Callable[[str], None]
Recipe = Callable[[Path], str]
"""Fills a build context, and returns its Dockerfile."""


def made(docker: Docker, name: str, image: str, *options: str) -> None:
    """Builds an image of ours, as compose.yaml does."""
    file = f"{ROOT}/deploy/{name}.Dockerfile"
    docker("build", "--quiet", *options, "--file", file, "--tag", f"{image}:0.1.0", str(ROOT), seconds=3600)


def get(
    docker: Docker, images: Iterable[str], folder: Path, say: Say, recipes: Mapping[str, Recipe] | None = None
) -> dict[str, str]:
    """Returns where each image comes from (there, pulled, stand-in), and without those that can't be had.

    ``folder`` is for build contexts, ``recipes`` are more stand-ins, by name without a version.
    """
    recipes = {**RECIPES, **(recipes or {})}
    origins: dict[str, str] = {}
    reachable = True
    for image in sorted(images, key=lambda image: "busybox" not in image):  # the others are built on busybox
        if docker.has(image):
            origins[image] = "there"
        elif reachable and docker.run(("pull", "--quiet", image), PULL_SECONDS).returncode == 0:
            origins[image] = "pulled"
        elif recipe := recipes.get(image.split(":")[0]):
            reachable = False
            say(f"{image}: no registry has it, so a stand-in is built")
            built(docker, image, recipe, folder)
            origins[image] = "stand-in"
    return origins


def built(docker: Docker, image: str, recipe: Recipe, folder: Path) -> None:
    """Builds the image by its recipe, with its context below ``folder``."""
    context = folder / re.sub(r"\W", "-", image)
    shutil.rmtree(context, ignore_errors=True)
    context.mkdir(parents=True)
    (context / "Dockerfile").write_text(recipe(context))
    docker("build", "--quiet", "--tag", image, str(context), seconds=BUILD_SECONDS)


def _busybox(context: Path) -> str:
    program = shutil.which("busybox")
    assert program, "busybox-static is not installed"
    shutil.copy(program, context / "busybox")
    return """\
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "mkdir", "-p", "/tmp", "/etc", "/root", "/usr/bin", "/usr/sbin", "/sbin"]
RUN ["/bin/busybox", "--install", "-s", "/bin"]
CMD ["sh"]
"""


def _native(name: str) -> Path:
    """Returns the program as `make stack` runs it."""
    programs = {program.name: program for program in needed(StackSettings())} | {PROMETHEUS.name: PROMETHEUS}
    return build(programs.values(), print)[name]


def _with_shell(name: str, data: str, port: int) -> Recipe:
    """Returns the recipe of an image by Prometheus' makers: busybox, and a program that runs as nobody."""

    def recipe(context: Path) -> str:
        shutil.copy(_native(name), context / name)
        return f"""\
FROM busybox:1.37
COPY {name} /bin/{name}
RUN printf 'root:x:0:0:root:/root:/bin/sh\\nnobody:x:65534:65534:nobody:/home:/bin/false\\n' > /etc/passwd \\
 && printf 'root:x:0:\\nnobody:x:65534:\\n' > /etc/group \\
 && mkdir -p /etc/{name} {data} && chown -R nobody:nobody /etc/{name} {data}
USER nobody
EXPOSE {port}
VOLUME ["{data}"]
WORKDIR {data}
ENTRYPOINT ["/bin/{name}"]
"""

    return recipe


def _alone(name: str, path: str) -> Recipe:
    """Returns the recipe of an image with nothing but a program."""

    def recipe(context: Path) -> str:
        shutil.copy(_native(name), context / "program")
        return f"""\
FROM scratch
COPY --chmod=755 program {path}
USER 10001:10001
ENTRYPOINT ["{path}"]
"""

    return recipe


def _python(context: Path) -> str:
    """A Debian without a compiler, and this machine's own Python 3.12 where the official image has its own."""
    subprocess.run(
        ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PYTHON_PACKAGES}", DEBIAN, context / "debian.tar"],
        check=True,
        timeout=BUILD_SECONDS,
    )
    with (context / "debian.tar").open("rb") as made:
        assert made.read(1), "mmdebstrap made nothing"
    prefix = _python_prefix()
    (context / "python").mkdir()
    unwanted = shutil.ignore_patterns("__pycache__", "test", "_sandboxing*", "libpython*.a", "site-packages")
    for part in ("bin", "lib"):
        shutil.copytree(prefix / part, context / "python" / part, symlinks=True, ignore=unwanted)
    site = prefix / "lib" / "python3.12" / "site-packages"
    target = context / "python" / "lib" / "python3.12" / "site-packages"
    target.mkdir()
    for package in site.glob("pip*"):
        shutil.copytree(package, target / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    for script in (context / "python" / "bin").glob("pip*"):
        lines = script.read_text().splitlines(keepends=True)
        script.write_text("#!/usr/local/bin/python3.12\n" + "".join(lines[1:]))
    shutil.copy(CERTIFICATES, context / "certificates")
    return f"""\
FROM scratch
ADD debian.tar /
COPY python /usr/local
COPY certificates {CERTIFICATES}
RUN ldconfig
ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
    SSL_CERT_FILE={CERTIFICATES} PIP_CERT={CERTIFICATES}
CMD ["python3"]
"""


def _python_prefix() -> Path:
    """Returns the folder of a Python 3.12 that is not a virtual environment."""
    wanted = "import sys; print(sys.base_prefix if sys.version_info[:2] == (3, 12) else '')"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for program in (*sorted(pyenv.glob("3.12.*/bin/python3.12")), "python3.12", sys.executable):
        if shutil.which(program):
            found = subprocess.run([program, "-c", wanted], capture_output=True, text=True, check=False).stdout.strip()
            if found and found != "/usr":  # Debian's own is spread over the system's folders
                return Path(found)
    raise AssertionError("there is no Python 3.12 of its own folder to make an image of")


RECIPES: dict[str, Recipe] = {
    "busybox": _busybox,
    "python": _python,
    "prom/prometheus": _with_shell("prometheus", "/prometheus", 9090),
    "prom/alertmanager": _with_shell("alertmanager", "/alertmanager", 9093),
    "otel/opentelemetry-collector-contrib": _alone("collector", "/otelcol-contrib"),
    "jaegertracing/jaeger": _alone("jaeger", "/cmd/jaeger/jaeger-linux"),
}
